// y = activation((x - mean) / sqrt(variance + EPSILON) * gamma + beta), one workgroup per row, statistics in f32 and in
// two passes: the mean, then the mean square of the differences from it. Both are taken of distances from the row's first
// element, so that an offset of the whole row, however large, never meets the rounding of a sum.
import slot::activation::{activate};
import slot::reduce::{reduce_sum};

override WIDTH: u32;         // elements of a row that count
override STRIDE: u32;        // elements between rows, a multiple of 4
override EPSILON: f32;

const LANES: u32 = 256u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;          // [numRows, STRIDE / 4]
@group(0) @binding(1) var<storage, read> gamma: array<vec4<f32>>;      // [STRIDE / 4], zero beyond WIDTH
@if(bias)
@group(0) @binding(2) var<storage, read> beta: array<vec4<f32>>;       // [STRIDE / 4], zero beyond WIDTH
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;    // [numRows, STRIDE / 4]

// The elements of unit i that count; the others become zero.
fn counted(i: u32, value: vec4<f32>) -> vec4<f32> {
  return select(vec4<f32>(), value, i * 4u + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(WIDTH));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x * (STRIDE / 4u);
  let first = x[row].x;
  var sum = 0.0;
  for (var i = lane; i < STRIDE / 4u; i += LANES) {
    sum += dot(counted(i, x[row + i] - first), vec4<f32>(1.0));
  }
  let mean = reduce_sum(sum, lane) / f32(WIDTH);
  var squares = 0.0;
  for (var i = lane; i < STRIDE / 4u; i += LANES) {
    let difference = counted(i, (x[row + i] - first) - mean);
    squares += dot(difference, difference);
  }
  let scale = inverseSqrt(reduce_sum(squares, lane) / f32(WIDTH) + EPSILON);
  for (var i = lane; i < STRIDE / 4u; i += LANES) {
    let normal = ((x[row + i] - first) - mean) * scale;
    @if(bias) y[row + i] = activate(normal * gamma[i] + beta[i], 0u);
    @if(!bias) y[row + i] = activate(normal * gamma[i], 0u);
  }
}
