// Causal attention of runs of tokens over the paged KV cache that kv-write has filled, one workgroup per (run, kv head).
// The queries of a workgroup are the run's tokens times the query heads of the kv head, so that they share every key.
// Scores and outputs are tiled products; lane (x, y) has four queries y and four keys, or four elements of D, x.
// Subgroups have nothing to give here: of some twenty barriers per tile of keys they would save one.
import package::lib::pages::{kv_key, kv_value_offset};
import slot::kv::{kv_load};

// Consecutive rows of one sequence.
struct Tile {
  slot: u32,
  first_row: u32,
  num_rows: u32,
  first_position: u32,
}

override D4: u32;             // head size / 4
override KV_HEADS: u32;
override GROUP: u32;          // query heads per kv head
override HEADS: u32;          // query heads of a workgroup; several workgroups share a larger GROUP
override SCALE: f32;
override PAGE: u32;           // tokens in a page
override MAX_PAGES: u32;      // pages in a row of the page table
override QKV_STRIDE: u32;     // elements between rows of qkv
override OUT_STRIDE: u32;     // elements between rows of out

const ACROSS: u32 = 8u; // knob: lanes x; D goes through workgroup memory in chunks of ACROSS units of four elements
const DOWN: u32 = 16u; // knob: lanes y
alias Tile4 = vec4<f32>; // knob: four elements in workgroup memory
const QUERIES: u32 = DOWN * 4u;
const KEYS: u32 = ACROSS * 4u;
const PITCH: u32 = ACROSS + 1u;        // keeps lanes x on different banks
const MAX_CHUNKS: u32 = 64u / ACROSS;  // of D = 256
const LANES: u32 = ACROSS * DOWN;
const LOWEST: f32 = -3.0e38;

@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;        // [numRows, QKV_STRIDE / 4]: turned q heads, ...
@group(0) @binding(3) var<storage, read> tiles: array<Tile>;           // [numTiles]
@group(0) @binding(4) var<storage, read> page_table: array<u32>;       // [numSlots, MAX_PAGES]
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;  // [numRows, OUT_STRIDE / 4]

var<workgroup> left: array<Tile4, QUERIES * ACROSS>;     // a chunk of the queries, then their weights for KEYS keys
var<workgroup> right: array<Tile4, KEYS * PITCH>;        // a chunk of the keys or of the values
var<workgroup> key_units: array<u32, KEYS>;              // where the keys of the tile start in the cache
var<workgroup> stats: array<vec4<f32>, LANES>;           // a lane's highest scores, or sums, of its four queries

// Where a query of the workgroup starts in qkv: tokens first to last, for each the heads.
fn query_unit(tile: Tile, query: u32, first_head: u32, kv_head: u32) -> u32 {
  let head = kv_head * GROUP + min(first_head + query % HEADS, GROUP - 1u);
  return (tile.first_row + query / HEADS) * (QKV_STRIDE / 4u) + head * D4;
}

// Four lines of `right` at unit c of each: keys or values first, first + step, ...
fn right_four(first: u32, step: u32, c: u32) -> mat4x4<f32> {
  let at = first * PITCH + c;
  return mat4x4<f32>(
    vec4<f32>(right[at]),
    vec4<f32>(right[at + step * PITCH]),
    vec4<f32>(right[at + 2u * step * PITCH]),
    vec4<f32>(right[at + 3u * step * PITCH]),
  );
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = tiles[wg.x];
  if (tile.num_rows == 0u) {
    return;
  }
  let num_shares = (GROUP + HEADS - 1u) / HEADS;
  let kv_head = wg.y / num_shares;
  let first_head = wg.y % num_shares * HEADS;
  let num_queries = tile.num_rows * HEADS;
  let last_position = tile.first_position + tile.num_rows - 1u;
  let x = lane % ACROSS;
  let y = lane / ACROSS * 4u;

  var top = vec4<f32>(LOWEST);   // of the four queries: the largest score so far,
  var sum = vec4<f32>();         // the weights of this lane's keys,
  var totals = array<vec4<f32>, 4u * MAX_CHUNKS>();   // and the outputs of this lane's elements, chunk by chunk
  for (var first_key = 0u; first_key <= last_position; first_key += KEYS) {
    for (var i = lane; i < KEYS; i += LANES) {
      let key = min(first_key + i, last_position);
      key_units[i] = kv_key(page_table[tile.slot * MAX_PAGES + key / PAGE], kv_head, key % PAGE);
    }
    workgroupBarrier();
    let num_blocks = min(ACROSS, (last_position - first_key) / 4u + 1u);   // of four keys that exist

    var scores = array<vec4<f32>, 4>();
    for (var chunk = 0u; chunk < D4; chunk += ACROSS) {
      let num_units = min(ACROSS, D4 - chunk);
      // As LANES is a multiple of ACROSS, a lane stages the same unit x of every line it takes.
      for (var query = lane / ACROSS; query < QUERIES && x < num_units; query += DOWN) {
        let unit = query_unit(tile, min(query, num_queries - 1u), first_head, kv_head);
        left[query * ACROSS + x] = Tile4(qkv[unit + chunk + x] * SCALE);
      }
      // Key 4 x + j goes to line j * ACROSS + x: lanes x then read neighbouring lines.
      for (var key = lane / ACROSS; key < KEYS && x < num_units; key += DOWN) {
        right[(key % 4u * ACROSS + key / 4u) * PITCH + x] = Tile4(kv_load(key_units[key] + chunk + x));
      }
      workgroupBarrier();
      for (var c = 0u; c < num_units; c++) {
        let keys = right_four(x, ACROSS, c);
        for (var j = 0u; j < 4u; j++) {
          scores[j] += vec4<f32>(left[(y + j) * ACROSS + c]) * keys;
        }
      }
      workgroupBarrier();
    }

    let positions = first_key + x * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    var highest = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
      let position = tile.first_position + min(y + j, num_queries - 1u) / HEADS;
      scores[j] = select(vec4<f32>(LOWEST), scores[j], positions <= vec4<u32>(position));
      highest[j] = max(max(scores[j].x, scores[j].y), max(scores[j].z, scores[j].w));
    }
    stats[lane] = highest;
    workgroupBarrier();
    var new_top = top;
    for (var i = 0u; i < num_blocks; i++) {
      new_top = max(new_top, stats[lane - x + i]);
    }
    let fade = exp(max(top - new_top, vec4<f32>(-80.0)));   // of what was summed under a lower maximum
    top = new_top;
    sum *= fade;
    for (var j = 0u; j < 4u; j++) {
      let is_key = scores[j] > vec4<f32>(LOWEST);
      let weights = select(vec4<f32>(), exp(max(scores[j] - top[j], vec4<f32>(-80.0))), is_key);
      left[(y + j) * ACROSS + x] = Tile4(weights);
      sum[j] += dot(weights, vec4<f32>(1.0));
    }

    for (var chunk = 0u; chunk < D4; chunk += ACROSS) {
      let num_units = min(ACROSS, D4 - chunk);
      for (var key = lane / ACROSS; key < KEYS && x < num_units; key += DOWN) {
        right[key * PITCH + x] = Tile4(kv_load(key_units[key] + kv_value_offset() + chunk + x));
      }
      workgroupBarrier();
      var products = array<vec4<f32>, 4>();
      for (var c = 0u; c < num_blocks; c++) {
        let values = right_four(c * 4u, 1u, x);
        for (var j = 0u; j < 4u; j++) {
          products[j] += values * vec4<f32>(left[(y + j) * ACROSS + c]);
        }
      }
      for (var j = 0u; j < 4u; j++) {
        totals[chunk / ACROSS * 4u + j] = totals[chunk / ACROSS * 4u + j] * fade[j] + products[j];
      }
      workgroupBarrier();
    }
  }

  stats[lane] = sum;
  workgroupBarrier();
  sum = vec4<f32>();
  for (var i = 0u; i < min(ACROSS, last_position / 4u + 1u); i++) {
    sum += stats[lane - x + i];
  }
  for (var j = 0u; j < 4u; j++) {
    let token = (y + j) / HEADS;
    let head = first_head + (y + j) % HEADS;
    let unit = (tile.first_row + token) * (OUT_STRIDE / 4u) + (kv_head * GROUP + head) * D4;
    for (var c = x; c < D4 && token < tile.num_rows && head < GROUP; c += ACROSS) {
      out[unit + c] = totals[c / ACROSS * 4u + j] / sum[j];
    }
  }
}
