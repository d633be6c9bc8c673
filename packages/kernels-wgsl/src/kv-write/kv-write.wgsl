// Prefill's half step before attention: what head.wgsl does to q, in place, and to k; and k and v into the cache. One
// workgroup per (row, some heads), one invocation per (head, four elements). Decode does this inside attention-decode.
import package::lib::row::{Row};
import package::lib::head::{NORM, changed_pairs, head_of_row, norm_collect, norm_local, pair_elements, query_growth, turned_four, turned_pair};
import package::lib::pages::{kv_key};
import slot::kv::{kv_fit, kv_store};

override D4: u32;             // head size / 4
override KV_HEADS: u32;
override GROUP: u32;          // query heads per kv head
override HEADS: u32;          // heads of a workgroup, of q, k and v; with NORM_WIDTH all
override PAGE: u32;           // tokens in a page
override MAX_PAGES: u32;      // pages in a row of the page table
override QKV_STRIDE: u32;     // elements between rows of qkv

const LANES: u32 = 64u; // knob: invocations of a workgroup, at least D4

@group(0) @binding(1) var<storage, read_write> qkv: array<f32>;        // [numRows, QKV_STRIDE]: q heads, k heads, v heads
@group(0) @binding(2) var<storage, read> rope: array<vec2<f32>>;       // [numRopeRows, ROT / 2]
@group(0) @binding(3) var<storage, read> rows: array<Row>;             // [numRows]
@group(0) @binding(4) var<storage, read> page_table: array<u32>;       // [numSlots, MAX_PAGES]
@group(0) @binding(6) var<storage, read> learned: array<f32>;          // gammas of q and k; not read without them

var<workgroup> scratch: array<vec4<f32>, LANES>;
var<workgroup> fresh: array<vec4<f32>, LANES>;   // keys, turned, and values

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = rows[wg.y];
  let row_start = wg.y * QKV_STRIDE;
  let first = wg.x * HEADS;
  if (NORM != 0u) {
    norm_collect(row_start, first + norm_local(lane, KV_HEADS * GROUP), lane);
    workgroupBarrier();
  }
  let c = lane % D4;
  for (var past = 0u; past < HEADS; past += LANES / D4) {
    let local = past + lane / D4;
    let index = first + local;
    let is_present = lane / D4 < LANES / D4 && local < HEADS && index < KV_HEADS * (GROUP + 2u);
    let is_query = index < KV_HEADS * GROUP;
    let is_key = !is_query && index < KV_HEADS * (GROUP + 1u);
    if (is_present) {
      let head = head_of_row(row_start, index, local, row.rope_row);
      if (is_query) {
        // In place: one invocation owns both ends of a pair.
        let growth = query_growth(row.position);
        for (var p = c; p < changed_pairs(); p += D4) {
          let pair = turned_pair(head, p) * growth;
          qkv[head.at + pair_elements(p).x] = pair.x;
          qkv[head.at + pair_elements(p).y] = pair.y;
        }
      } else if (is_key) {
        fresh[lane] = turned_four(head, c);
      } else {
        let v = head.at + c * 4u;
        fresh[lane] = vec4<f32>(qkv[v], qkv[v + 1u], qkv[v + 2u], qkv[v + 3u]);
      }
    }
    workgroupBarrier();
    if (is_present && !is_query) {
      let page = page_table[row.slot * MAX_PAGES + row.position / PAGE];
      let key = kv_key(page, (index - KV_HEADS * GROUP) % KV_HEADS, row.position % PAGE);
      kv_store(select(key + PAGE, key, is_key), c, lane - c, kv_fit(lane - c));
    }
    workgroupBarrier();
  }
}
