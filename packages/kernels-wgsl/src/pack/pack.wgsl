// Repacks a window of raw checkpoint rows into the planes of a weight format: one invocation per destination row and
// span of columns. All numbers come from a buffer, so that one pipeline serves every tensor of a kind.
import package::pack::span::{params, Span};
import slot::target::{SPAN, pack_span};

const LANES: u32 = 64u; // knob: invocations of a workgroup

// Place of the window's row.
fn destination(index: u32) -> u32 {
  var row = index;
  if params.head_half > 0u {
    let in_head = index % (2u * params.head_half);
    row = index - in_head + in_head % 2u * params.head_half + in_head / 2u;
  }
  return params.dst + row / params.block * params.stride + row % params.block;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let spans = (params.window_columns + SPAN - 1u) / SPAN;
  let index = (wg.y * 32768u + wg.x) * LANES + lane;
  let row = index / spans;
  if row >= params.num_rows {
    return;
  }
  let first = index % spans * SPAN;
  pack_span(Span(
    destination(row),
    (params.first_column + first) / SPAN,
    params.source_start + row * params.row_step + first * params.column_step,
    min(SPAN, params.window_columns - first),
  ));
}
