// Prefill's half step before attention: what head.wgsl does to q, in place, and to k; and k and v into the cache. One
// workgroup per (row, some heads), one invocation per (head, four elements). Decode does this inside attention-decode.
import package::lib::row::{Row};
import package::lib::head::{NORM, changed_pairs, head_of_row, norm_collect, norm_local, pair_elements, query_growth, turned_four, turned_pair};
import package::lib::pages::{kv_key, kv_value_offset};
import slot::kv::{kv_store};

override D4: u32;             // head size / 4
override KV_HEADS: u32;
override GROUP: u32;          // query heads per kv head
override HEADS: u32;          // heads of a workgroup; with NORM_WIDTH all
override PAGE: u32;           // tokens in a page
override MAX_PAGES: u32;      // pages in a row of the page table
override QKV_STRIDE: u32;     // elements between rows of qkv

const LANES: u32 = 64u; // knob: invocations of a workgroup

@group(0) @binding(1) var<storage, read_write> qkv: array<f32>;        // [numRows, QKV_STRIDE]: q heads, k heads, v heads
@group(0) @binding(2) var<storage, read> rope: array<vec2<f32>>;       // [numRopeRows, ROT / 2]
@group(0) @binding(3) var<storage, read> rows: array<Row>;             // [numRows]
@group(0) @binding(4) var<storage, read> page_table: array<u32>;       // [numSlots, MAX_PAGES]
@group(0) @binding(6) var<storage, read> learned: array<f32>;          // gammas of q and k; not read without them

var<workgroup> scratch: array<vec4<f32>, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = rows[wg.y];
  let row_start = wg.y * QKV_STRIDE;
  let first = wg.x * HEADS;
  if (NORM != 0u) {
    norm_collect(row_start, first + norm_local(lane, KV_HEADS * GROUP), lane);
    workgroupBarrier();
  }
  for (var i = lane; i < HEADS * D4; i += LANES) {
    let index = first + i / D4;
    let c = i % D4;
    let head = head_of_row(row_start, index, i / D4, row.rope_row);
    if (index < KV_HEADS * GROUP) {
      // In place: one invocation owns both ends of a pair.
      let growth = query_growth(row.position);
      for (var p = c; p < changed_pairs(); p += D4) {
        let pair = turned_pair(head, p) * growth;
        qkv[head.at + pair_elements(p).x] = pair.x;
        qkv[head.at + pair_elements(p).y] = pair.y;
      }
    } else if (index < KV_HEADS * (GROUP + 1u)) {
      let v = head.at + KV_HEADS * D4 * 4u + c * 4u;
      let page = page_table[row.slot * MAX_PAGES + row.position / PAGE];
      let unit = kv_key(page, index - KV_HEADS * GROUP, row.position % PAGE) + c;
      kv_store(unit, turned_four(head, c));
      kv_store(unit + kv_value_offset(), vec4<f32>(qkv[v], qkv[v + 1u], qkv[v + 2u], qkv[v + 3u]));
    }
  }
}
