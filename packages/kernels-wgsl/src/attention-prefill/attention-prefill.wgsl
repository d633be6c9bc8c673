// Causal attention of runs of tokens over the paged KV cache that kv-write has filled, one workgroup per (run, kv head).
// The queries of a workgroup are the run's tokens times the query heads of the kv head, so that they share every key.
// How attention is computed is in the slot's module; here is where queries, keys and outputs lie.
import package::lib::pages::{kv_key};
import package::lib::score::{scores_of, sink_of, window_start};
import slot::kv::{kv_grid, kv_load};
import slot::attend::{LANES, NOWHERE, attend};

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

const MAX_D4: u32 = 64u;

@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;        // [numRows, QKV_STRIDE / 4]: turned q heads, ...
@group(0) @binding(3) var<storage, read> tiles: array<Tile>;           // [numTiles]
@group(0) @binding(4) var<storage, read> page_table: array<u32>;       // [numSlots, MAX_PAGES]
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;  // [numRows, OUT_STRIDE / 4]
@group(0) @binding(6) var<storage, read> learned: array<f32>;          // gammas of q and k, sinks; not read without them

// Queries are numbered token by token, for each the heads; keys by position.
struct Work {
  tile: Tile,
  kv_head: u32,
  first_head: u32,   // in the group
}

fn head_of(work: Work, query: u32) -> u32 {
  return work.first_head + query % HEADS;
}

// In the model; what is beyond the group's last is that.
fn query_head(work: Work, query: u32) -> u32 {
  return work.kv_head * GROUP + min(head_of(work, query), GROUP - 1u);
}

fn position_of(work: Work, query: u32) -> u32 {
  return work.tile.first_position + query / HEADS;
}

fn query_unit(work: Work, query: u32) -> u32 {
  return (work.tile.first_row + query / HEADS) * (QKV_STRIDE / 4u) + query_head(work, query) * D4;
}

fn first_seen(work: Work, query: u32) -> u32 {
  return window_start(position_of(work, query));
}

fn num_seen(work: Work, query: u32) -> u32 {
  return position_of(work, query) + 1u;
}

fn scored(work: Work, query: u32, keys: vec4<u32>, dots: vec4<f32>) -> vec4<f32> {
  return scores_of(dots, query_head(work, query), vec4<f32>(keys) - f32(position_of(work, query)));
}

fn sink(work: Work, query: u32) -> vec2<f32> {
  return sink_of(query_head(work, query));
}

// The last share of a group may have fewer heads.
fn out_unit(work: Work, query: u32) -> u32 {
  let unit = (work.tile.first_row + query / HEADS) * (OUT_STRIDE / 4u);
  return select(NOWHERE, unit + (work.kv_head * GROUP + head_of(work, query)) * D4, head_of(work, query) < GROUP);
}

fn key_line(work: Work, key: u32) -> u32 {
  return kv_key(page_table[work.tile.slot * MAX_PAGES + key / PAGE], work.kv_head, key % PAGE);
}

fn key_load(line: u32, c: u32) -> vec4<f32> {
  return kv_load(line, c, kv_grid(line));
}

fn value_load(line: u32, c: u32) -> vec4<f32> {
  return key_load(line + PAGE, c);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = tiles[wg.x];
  if (tile.num_rows == 0u) {
    return;
  }
  let num_shares = (GROUP + HEADS - 1u) / HEADS;
  let work = Work(tile, wg.y / num_shares, wg.y % num_shares * HEADS);
  attend(work, tile.num_rows * HEADS, tile.first_position + tile.num_rows, lane);
}
