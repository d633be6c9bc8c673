// Bidirectional attention of the rows of a tile over the rows that the tile names as keys, one workgroup per (tile, head).
// Pictures, windows and odd numbers of tokens are only other lists of tiles. How attention is computed is in the slot's
// module; here is where queries, keys and outputs lie.
import slot::attend::{LANES, LOWEST, attend};

// What the rows of one image, or of one window of it, attend to.
struct Tile {
  first_row: u32,
  num_rows: u32,
  first_key: u32,   // a row too
  num_keys: u32,
}

override D4: u32;             // head size / 4
override HEADS: u32;
override SCALE: f32;
override QKV_STRIDE: u32;     // elements between rows of qkv
override OUT_STRIDE: u32;     // elements between rows of out
@if(relative) override SIDE: u32;   // the keys of a tile are a square of SIDE * SIDE

const MAX_D4: u32 = 32u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;        // [numRows, QKV_STRIDE / 4]: q heads, k heads, v heads
@group(0) @binding(1) var<storage, read> tiles: array<Tile>;           // [numTiles]
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;  // [numRows, OUT_STRIDE / 4]
@if(relative) @group(0) @binding(3) var<storage, read> relative: array<f32>;   // [numRows, HEADS, 2 * SIDE]: see relative-scores

struct Work {
  tile: Tile,
  head: u32,
}

fn query_unit(work: Work, query: u32) -> u32 {
  return (work.tile.first_row + query) * (QKV_STRIDE / 4u) + work.head * D4;
}

fn first_seen(_work: Work, _query: u32) -> u32 {
  return 0u;
}

fn num_seen(work: Work, _query: u32) -> u32 {
  return work.tile.num_keys;
}

@if(!relative) fn scored(_work: Work, _query: u32, _keys: vec4<u32>, dots: vec4<f32>) -> vec4<f32> {
  return dots;
}

@if(relative) fn scored(work: Work, query: u32, keys: vec4<u32>, dots: vec4<f32>) -> vec4<f32> {
  let own = ((work.tile.first_row + query) * HEADS + work.head) * 2u * SIDE;
  let line = own + min(keys / SIDE, vec4<u32>(SIDE - 1u));   // the caller leaves out what is behind the last key
  let column = own + SIDE + keys % SIDE;
  return dots
    + vec4<f32>(relative[line.x], relative[line.y], relative[line.z], relative[line.w])
    + vec4<f32>(relative[column.x], relative[column.y], relative[column.z], relative[column.w]);
}

fn sink(_work: Work, _query: u32) -> vec2<f32> {
  return vec2<f32>(LOWEST, 0.0);
}

fn out_unit(work: Work, query: u32) -> u32 {
  return (work.tile.first_row + query) * (OUT_STRIDE / 4u) + work.head * D4;
}

fn key_line(work: Work, key: u32) -> u32 {
  return (work.tile.first_key + key) * (QKV_STRIDE / 4u) + (HEADS + work.head) * D4;
}

fn key_load(line: u32, c: u32) -> vec4<f32> {
  return qkv[line + c];
}

fn value_load(line: u32, c: u32) -> vec4<f32> {
  return qkv[line + HEADS * D4 + c];
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = tiles[wg.x];
  if (tile.num_rows == 0u || tile.num_keys == 0u) {
    return;
  }
  attend(Work(tile, wg.y), tile.num_rows, tile.num_keys, lane);
}
