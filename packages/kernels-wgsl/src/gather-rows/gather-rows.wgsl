// Rows put together from rows of another buffer: side by side (groups) and added up (taps). One workgroup per row.
// The list of rows says everything that differs from image to image.

override WIDTH: u32;                // elements of a source row
override SOURCE_STRIDE: u32;        // elements between rows of source
override DESTINATION_STRIDE: u32;   // elements between rows of destination
override GROUPS: u32;               // source rows side by side
override TAPS: u32;                 // source rows added up
override INTERLEAVED: u32;          // 1: groups lie element by element; 0: row by row

const LANES: u32 = 64u; // knob: invocations of a workgroup
const NOTHING: u32 = 0xffffffffu;

@group(0) @binding(0) var<storage, read> source: array<f32>;             // [numSourceRows, SOURCE_STRIDE]
@group(0) @binding(1) var<storage, read> index: array<u32>;              // [numRows, 1 + GROUPS * TAPS]
@if(weighted)
@group(0) @binding(2) var<storage, read> weights: array<f32>;            // [numRows, GROUPS * TAPS]
@group(0) @binding(3) var<storage, read_write> destination: array<f32>;  // [.., DESTINATION_STRIDE]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let entry = wg.x * (1u + GROUPS * TAPS);
  let first = index[entry] * DESTINATION_STRIDE;
  let used = GROUPS * WIDTH;
  for (var i = lane; i < min((used + 31u) / 32u * 32u, DESTINATION_STRIDE); i += LANES) {
    var sum = 0.0;
    let group = select(i / WIDTH, i % GROUPS, INTERLEAVED == 1u);
    let element = select(i % WIDTH, i / GROUPS, INTERLEAVED == 1u);
    for (var t = 0u; t < TAPS && i < used; t++) {
      let tap = group * TAPS + t;
      let row = index[entry + 1u + tap];
      if (row != NOTHING) {
        @if(weighted) sum += weights[wg.x * GROUPS * TAPS + tap] * source[row * SOURCE_STRIDE + element];
        @if(!weighted) sum += source[row * SOURCE_STRIDE + element];
      }
    }
    destination[first + i] = sum;
  }
}
