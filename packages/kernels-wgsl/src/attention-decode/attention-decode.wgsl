// Attention of one new token per row, one workgroup per (kv head, split of the keys, row): turns q and the new k,
// puts k and v into the cache, and leaves softmax(q k) v over the keys of its split. Splits before the window are skipped.
// Several new tokens of one sequence are attention-prefill's; splits are merged in attention-reduce.
import package::lib::row::{Row};
import package::lib::head::{NORM, head_of_row, norm_collect, norm_local, query_growth, turned_four};
import package::lib::lines::{four_grids, four_units, add_lines};
import package::lib::pages::{kv_key};
import package::lib::score::{scores_of, window_start};
import package::attention-decode::weights::{weigh};
import slot::kv::{kv_round};
import slot::spread::{num_units, spread_sum};

override LANES: u32;          // invocations of a workgroup: at least D4, and eight for each of HEADS + 1
override D4: u32;             // head size / 4
override KV_HEADS: u32;
override GROUP: u32;          // query heads per kv head
override HEADS: u32;          // query heads of a workgroup, at most MAX_HEADS; several workgroups share a larger GROUP
override SCALE: f32;
override PAGE: u32;           // tokens in a page, a multiple of 4
override SPLIT: u32;          // keys of a workgroup, a multiple of PAGE; never depends on the batch
override MAX_PAGES: u32;      // pages in a row of the page table
override QKV_STRIDE: u32;     // elements between rows of qkv
override OUT_STRIDE: u32;     // elements between rows of out

const SPREAD: u32 = 4u; // knob: lanes that share the dot products of a key
const MAX_HEADS: u32 = 8u; // knob: query heads that a workgroup may have
const UNROLL: u32 = 2u; // knob: blocks of values that a lane has in flight
const LOWEST: f32 = -3.0e38;

@group(0) @binding(1) var<storage, read> qkv: array<f32>;              // [numRows, QKV_STRIDE]: q heads, k heads, v heads
@group(0) @binding(2) var<storage, read> rope: array<vec2<f32>>;       // [numRopeRows, ROT / 2]
@group(0) @binding(3) var<storage, read> rows: array<Row>;             // [numRows]
@group(0) @binding(4) var<storage, read> page_table: array<u32>;       // [numSlots, MAX_PAGES]
@group(0) @binding(6) var<storage, read> learned: array<f32>;          // gammas of q and k, sinks; not read without them
@if(direct) @group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;       // [numRows, OUT_STRIDE / 4]
@if(split) @group(0) @binding(5) var<storage, read_write> partials: array<vec4<f32>>;  // [numSplits, numRows, query heads, 1 + D4]: (max, sum, 0, 0), output; the first split is the first that the row sees

var<workgroup> query: array<vec4<f32>, HEADS * D4>;             // turned and scaled
var<workgroup> fresh: array<vec4<f32>, 2u * D4>;                // the new token's k, turned, and v
var<workgroup> grids: array<vec2<f32>, 2>;                      // on which the cache has them
var<workgroup> scores: array<vec4<f32>, HEADS * (SPLIT / 4u)>;  // of the cached keys, four to a block; then weights
var<workgroup> heads: array<vec2<f32>, MAX_HEADS>;              // largest score, weight of the newest key
var<workgroup> denominators: array<f32, MAX_HEADS>;             // of weights, by head
var<workgroup> scratch: array<vec4<f32>, LANES>;
var<workgroup> pages: array<u32, SPLIT / PAGE>;

// Lines of the four keys of a block; keys from `num_keys` on repeat the last one, and get no weight.
fn block_keys(block: u32, num_keys: u32, kv_head: u32) -> vec4<u32> {
  let key = block * 4u;
  let first = kv_key(pages[key / PAGE], kv_head, key % PAGE);
  return first + min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(num_keys - 1u - key));
}

// Head of qkv that a workgroup's head `local` is: its queries, and then the key.
fn head_index(local: u32, first_query: u32, kv_head: u32) -> u32 {
  let query_head = min(first_query + local, (kv_head + 1u) * GROUP - 1u);
  return select(KV_HEADS * GROUP + kv_head, query_head, local < HEADS);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) wg: vec3<u32>,
  @if(split) @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = rows[wg.z];
  let seen = window_start(row.position);
  let begin = (seen / SPLIT + wg.y) * SPLIT;
  if (begin > row.position) { return; }
  let num_keys = min(row.position - begin, SPLIT);   // in the cache before this token
  let num_unseen = max(seen, begin) - begin;         // of them, before the window
  let has_newest = row.position - begin < SPLIT;
  let num_shares = (GROUP + HEADS - 1u) / HEADS;
  let kv_head = wg.x / num_shares;
  let first_head = wg.x % num_shares * HEADS;
  let first_query = kv_head * GROUP + first_head;

  for (var i = lane; i * PAGE < min(row.position - begin + 1u, SPLIT); i += LANES) {
    pages[i] = page_table[row.slot * MAX_PAGES + begin / PAGE + i];
  }
  if (NORM != 0u) {
    norm_collect(wg.z * QKV_STRIDE, head_index(norm_local(lane, HEADS), first_query, kv_head), lane);
    workgroupBarrier();
  }
  for (var i = lane; i < (HEADS + 1u) * D4; i += LANES) {
    let c = i % D4;
    let head = head_of_row(wg.z * QKV_STRIDE, head_index(i / D4, first_query, kv_head), i / D4, row.rope_row);
    let turned = turned_four(head, c);
    if (i < HEADS * D4) {
      query[i] = turned * (SCALE * query_growth(row.position));
    } else if (has_newest) {
      let v = head.at + KV_HEADS * D4 * 4u + c * 4u;
      fresh[c] = turned;
      fresh[D4 + c] = vec4<f32>(qkv[v], qkv[v + 1u], qkv[v + 2u], qkv[v + 3u]);
    }
  }
  workgroupBarrier();
  if (has_newest) {
    let key = kv_key(pages[(row.position - begin) / PAGE], kv_head, row.position % PAGE);
    add_lines(key, first_head == 0u, lane);
  }

  // Scores: SPREAD lanes share a block of four keys, each takes a part of D for all heads.
  let part = lane % SPREAD;
  let first_block = num_unseen / 4u;
  let num_blocks = (num_keys + 3u) / 4u;
  for (var first = first_block; first < num_blocks; first += LANES / SPREAD) {
    let block = first + lane / SPREAD;
    let lines = block_keys(min(block, num_blocks - 1u), num_keys, kv_head);
    let line_grids = four_grids(lines);
    var dots = array<vec4<f32>, MAX_HEADS>();
    for (var c = 0u; c < num_units(); c += SPREAD) {
      if (D4 % SPREAD == 0u || c + part < D4) {
        let keys = four_units(lines, c + part, line_grids);
        for (var h = 0u; h < HEADS; h++) {
          dots[h] += query[h * D4 + c + part] * keys;
        }
      }
    }
    let keys = block * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    let is_seen = (keys < vec4<u32>(num_keys)) & (keys >= vec4<u32>(num_unseen));
    let offsets = vec4<f32>(keys) - f32(row.position - begin);
    for (var h = 0u; h < HEADS; h++) {
      let score = scores_of(spread_sum(dots[h], lane), first_query + h, offsets);
      if (part == 0u && block < num_blocks) {
        scores[h * (SPLIT / 4u) + block] = select(vec4<f32>(LOWEST), score, is_seen);
      }
    }
  }
  workgroupBarrier();

  weigh(first_block, num_blocks, has_newest, first_query, lane);

  // Output: a lane owns four elements of D for all heads, and every num_parties-th block of values.
  let num_parties = min(LANES / D4, 8u);
  let party = lane / D4;
  var totals = array<vec4<f32>, MAX_HEADS>();
  let newest_value = kv_round(fresh[D4 + lane % D4], grids[1]);
  for (var h = 0u; h < HEADS; h++) {
    totals[h] = newest_value * select(0.0, heads[h].y, party == 0u);
  }
  for (var first = first_block + party; party < num_parties && first < num_blocks; first += num_parties * UNROLL) {
    for (var i = 0u; i < UNROLL; i++) {
      let block = min(first + i * num_parties, num_blocks - 1u);
      let lines = block_keys(block, num_keys, kv_head) + PAGE;
      let values = four_units(lines, lane % D4, four_grids(lines));
      let share = select(0.0, 1.0, first + i * num_parties < num_blocks);
      for (var h = 0u; h < HEADS; h++) {
        totals[h] += values * (scores[h * (SPLIT / 4u) + block] * share);
      }
    }
  }
  for (var h = 0u; h < HEADS; h++) {
    scratch[lane] = totals[h];
    workgroupBarrier();
    if (lane < D4 && first_head + h < GROUP) {
      var total = totals[h];
      for (var i = 1u; i < min(num_parties, num_blocks); i++) {
        total += scratch[i * D4 + lane];
      }
      let result = total / denominators[h];
      let head = first_query + h;
      @if(direct) out[wg.z * (OUT_STRIDE / 4u) + head * D4 + lane] = result;
      @if(split) {
        let entry = ((wg.y * grid.z + wg.z) * KV_HEADS * GROUP + head) * (D4 + 1u);
        partials[entry + 1u + lane] = result;
        if (lane == 0u) { partials[entry] = vec4<f32>(heads[h].x, denominators[h], 0.0, 0.0); }
      }
    }
    workgroupBarrier();
  }
}
