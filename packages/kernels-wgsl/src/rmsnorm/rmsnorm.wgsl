// y = x / rms(x) * gamma, or y += that; one workgroup per row, statistics in f32. Fused forms live in linear-matvec.
import slot::reduce::{reduce_sum};

override WIDTH: u32;         // elements of a row that count
override STRIDE: u32;        // elements between rows, a multiple of 4, zero beyond WIDTH
override EPSILON: f32;
override ADDS: u32;          // 1: y keeps what it holds, and the result is added

const LANES: u32 = 256u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;          // [numRows, STRIDE / 4]
@group(0) @binding(1) var<storage, read> gamma: array<vec4<f32>>;      // [STRIDE / 4]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [numRows, STRIDE / 4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x * (STRIDE / 4u);
  var sum = 0.0;
  for (var i = lane; i < STRIDE / 4u; i += LANES) {
    let v = x[row + i];
    sum += dot(v, v);
  }
  let scale = inverseSqrt(reduce_sum(sum, lane) / f32(WIDTH) + EPSILON);
  for (var i = lane; i < STRIDE / 4u; i += LANES) {
    var result = x[row + i] * gamma[i] * scale;
    if (ADDS == 1u) {
      result += y[row + i];
    }
    y[row + i] = result;
  }
}
