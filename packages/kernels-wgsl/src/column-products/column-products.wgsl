// sums += xᵀ x: every column times every other, over all rows. One invocation per 4 by 4 columns; the sum is symmetric, and
// both halves are written. Rows are summed in blocks first, so that the error does not grow with them.

override NUM_ROWS: u32;
override STRIDE: u32;        // elements between rows, a multiple of 4

const LANES: u32 = 8u; // knob: invocations of a workgroup in either direction
const BLOCK: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;            // [NUM_ROWS, STRIDE / 4]
@group(0) @binding(1) var<storage, read_write> sums: array<vec4<f32>>;   // [STRIDE, STRIDE / 4]

@compute @workgroup_size(LANES, LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = STRIDE / 4u;
  if (id.x >= width || id.y >= width) {
    return;
  }
  var total = mat4x4<f32>();
  for (var first = 0u; first < NUM_ROWS; first += BLOCK) {
    var part = mat4x4<f32>();
    for (var row = first; row < min(first + BLOCK, NUM_ROWS); row++) {
      let a = x[row * width + id.y];
      let b = x[row * width + id.x];
      part += mat4x4<f32>(a.x * b, a.y * b, a.z * b, a.w * b);
    }
    total += part;
  }
  for (var i = 0u; i < 4u; i++) {
    sums[(id.y * 4u + i) * width + id.x] += total[i];
  }
}
