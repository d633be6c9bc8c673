// residual[row] = embedding of the row's token * EMBED_SCALE, or += that of its position; one workgroup per row. The table
// may be split by its rows: a dispatch writes only where it has the one that is wanted.
import package::lib::row::{Row, SlotState, FROM_STATE, IMAGE_ROW};
import slot::weights::{COLS, weight_oct};

override FIRST_TOKEN: u32 = 0u;   // token, or position, of the part's first row
override NUM_TOKENS: u32;         // rows of the part
override VOCAB: u32;              // rows of the whole table; other tokens count as token 0
override EMBED_SCALE: f32 = 1.0;

const LANES: u32 = 64u; // knob: invocations of a workgroup

@group(0) @binding(3) var<storage, read> rows: array<Row>;
@if(tokens) @group(0) @binding(4) var<storage, read> slot_state: array<SlotState>;
@group(0) @binding(5) var<storage, read_write> residual: array<vec4<f32>>;   // [numRows, COLS rounded up to 32, / 4]

const NOWHERE: u32 = 0xffffffffu;

// Row of the whole table.
@if(tokens) fn place_of(row: Row) -> u32 {
  if row.token == IMAGE_ROW {
    return NOWHERE;
  }
  var token = row.token;
  if token == FROM_STATE {
    token = slot_state[row.slot].token;
  }
  return select(0u, token, token < VOCAB);
}

@if(!tokens) fn place_of(row: Row) -> u32 {
  return row.position;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let place = place_of(rows[wg.x]);
  if place < FIRST_TOKEN || place - FIRST_TOKEN >= NUM_TOKENS {
    return;
  }
  let octs = (COLS + 31u) / 32u * 4u;
  for (var k8 = lane; k8 < octs; k8 += LANES) {
    let weights = weight_oct(place - FIRST_TOKEN, k8) * EMBED_SCALE;
    let at = (wg.x * octs + k8) * 2u;
    @if(tokens) residual[at] = weights[0];
    @if(tokens) residual[at + 1u] = weights[1];
    @if(!tokens) residual[at] += weights[0];
    @if(!tokens) residual[at + 1u] += weights[1];
  }
}
