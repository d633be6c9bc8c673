// Prefill's half step before attention: turns q in place and k by the rotary angle, and puts k and v into the cache.
// One invocation per (row, head, four elements), whole heads to a workgroup. Decode does this inside attention-decode.
import package::lib::row::{Row};
import package::lib::rope::{rope_turn, rope_four};
import package::lib::pages::{kv_key};
import slot::kv::{kv_fit, kv_store};

override D4: u32;             // head size / 4
override ROT: u32;            // elements of a head that turn
override KV_HEADS: u32;
override GROUP: u32;          // query heads per kv head
override PAGE: u32;           // tokens in a page
override MAX_PAGES: u32;      // pages in a row of the page table
override QKV_STRIDE: u32;     // elements between rows of qkv

const LANES: u32 = 64u; // knob: invocations of a workgroup, at least D4

@group(0) @binding(1) var<storage, read_write> qkv: array<f32>;        // [numRows, QKV_STRIDE]: q heads, k heads, v heads
@group(0) @binding(2) var<storage, read> rope: array<vec2<f32>>;       // [numRopeRows, ROT / 2]
@group(0) @binding(3) var<storage, read> rows: array<Row>;             // [numRows]
@group(0) @binding(4) var<storage, read> page_table: array<u32>;       // [numSlots, MAX_PAGES]

var<workgroup> fresh: array<vec4<f32>, LANES>;   // keys, turned, and values

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = rows[wg.y];
  let c = lane % D4;
  let head = wg.x * (LANES / D4) + lane / D4;
  let at = wg.y * QKV_STRIDE + head * D4 * 4u;
  let is_present = lane / D4 < LANES / D4 && head < KV_HEADS * (GROUP + 2u);
  let is_query = head < KV_HEADS * GROUP;
  let is_key = !is_query && head < KV_HEADS * (GROUP + 1u);
  if (is_present && is_query) {
    // In place: one invocation owns both ends of a pair.
    for (var d = c; d < ROT / 2u; d += D4) {
      let low = qkv[at + d];
      let high = qkv[at + d + ROT / 2u];
      qkv[at + d] = rope_turn(row.rope_row, d, low, high);
      qkv[at + d + ROT / 2u] = rope_turn(row.rope_row, d + ROT / 2u, high, low);
    }
  } else if (is_present && is_key) {
    fresh[lane] = rope_four(row.rope_row, at, c);
  } else if (is_present) {
    let v = at + c * 4u;
    fresh[lane] = vec4<f32>(qkv[v], qkv[v + 1u], qkv[v + 2u], qkv[v + 3u]);
  }
  workgroupBarrier();
  if (is_present && !is_query) {
    let page = page_table[row.slot * MAX_PAGES + row.position / PAGE];
    let key = kv_key(page, (head - KV_HEADS * GROUP) % KV_HEADS, row.position % PAGE);
    kv_store(select(key + PAGE, key, is_key), c, lane - c, kv_fit(lane - c));
  }
}
