// Sum of squared differences of every row of two buffers, one invocation per row's part and a reduction.
import slot::reduce::{reduce_sum};

override STRIDE: u32;        // elements between rows, a multiple of 4

const LANES: u32 = 64u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;           // [numRows, STRIDE / 4]
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;           // [numRows, STRIDE / 4]
@group(0) @binding(2) var<storage, read_write> errors: array<f32>;      // [numRows]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x * (STRIDE / 4u);
  var mine = 0.0;
  for (var i = lane; i < STRIDE / 4u; i += LANES) {
    let difference = a[row + i] - b[row + i];
    mine += dot(difference, difference);
  }
  let sum = reduce_sum(mine, lane);
  if (lane == 0u) {
    errors[wg.x] = sum;
  }
}
