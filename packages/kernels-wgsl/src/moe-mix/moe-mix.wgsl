// Adds to the residual what a row's experts made of it, each times its share, in the order of the choice: the sum never
// depends on other rows.
override STRIDE: u32;        // elements between rows, a multiple of 32
override CHOSEN: u32;        // experts of a row
override FIRST_ROW: u32;     // of the residual and the shared expert's outputs

const LANES: u32 = 64u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read> outputs: array<vec4<f32>>;                // [.., STRIDE / 4]
@group(0) @binding(1) var<storage, read> shares: array<f32>;                       // [numRows, CHOSEN + 1]
@if(sorted) @group(0) @binding(2) var<storage, read> places: array<u32>;           // [numRows, CHOSEN]
@if(shared) @group(0) @binding(3) var<storage, read> shared_outputs: array<vec4<f32>>; // [.., STRIDE / 4]
@group(0) @binding(4) var<storage, read_write> residual: array<vec4<f32>>;         // [.., STRIDE / 4]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let column = wg.x * LANES + lane;
  let width = STRIDE / 4u;
  if (column >= width) {
    return;
  }
  let first = wg.y * (CHOSEN + 1u);
  let at = (FIRST_ROW + wg.y) * width + column;
  var sum = residual[at];
  for (var choice = 0u; choice < CHOSEN; choice++) {
    let route = wg.y * CHOSEN + choice;
    @if(sorted) let output = outputs[places[route] * width + column];
    @if(!sorted) let output = outputs[route * width + column];
    sum += shares[first + choice] * output;
  }
  @if(shared) sum += shares[first + CHOSEN] * shared_outputs[at];
  residual[at] = sum;
}
