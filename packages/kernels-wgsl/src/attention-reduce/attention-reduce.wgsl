// Merges what attention-decode left per split of the keys into one output; one invocation per (row, four elements).
import package::lib::row::{Row};

override D4: u32;             // head size / 4
override QUERY_HEADS: u32;
override SPLIT: u32;          // keys of a split
override WINDOW: u32;         // keys that a row sees, its own the last of them
override OUT_STRIDE: u32;     // elements between rows of out

const LANES: u32 = 64u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;   // [numSplits, numRows, QUERY_HEADS, 1 + D4]: (max, sum, 0, 0), output
@group(0) @binding(1) var<storage, read> rows: array<Row>;             // [numRows]
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;  // [numRows, OUT_STRIDE / 4]

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) wg: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let unit = wg.x * LANES + lane;
  if (unit >= QUERY_HEADS * D4) {
    return;
  }
  let entry = (wg.y * QUERY_HEADS + unit / D4) * (1u + D4);
  let stride = grid.y * QUERY_HEADS * (1u + D4);
  let position = rows[wg.y].position;
  let num_splits = position / SPLIT - (max(position + 1u, WINDOW) - WINDOW) / SPLIT + 1u;
  let target_unit = wg.y * (OUT_STRIDE / 4u) + unit;
  if (num_splits == 1u) {
    // A copy, so that a row does not feel whether its dispatch had splits.
    out[target_unit] = partials[entry + 1u + unit % D4];
    return;
  }
  var top = partials[entry].x;
  for (var i = 1u; i < num_splits; i++) {
    top = max(top, partials[entry + i * stride].x);
  }
  var sum = 0.0;
  var total = vec4<f32>();
  for (var i = 0u; i < num_splits; i++) {
    let state = partials[entry + i * stride];
    let weight = state.y * exp(max(state.x - top, -80.0));
    sum += weight;
    total += weight * partials[entry + i * stride + 1u + unit % D4];
  }
  out[target_unit] = total / sum;
}
