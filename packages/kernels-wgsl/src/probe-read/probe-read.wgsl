// Reads a large buffer once and keeps a sum, so that the read cannot be left out: the bandwidth that kernels can reach.
// Weight-shaped access: neighbouring invocations read neighbouring 16-byte units.

override UNITS: u32;         // vec4<u32> units in the buffer
override INVOCATIONS: u32;   // invocations of the whole grid

const LANES: u32 = 256u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read> data: array<vec4<u32>>;          // [UNITS]
@group(0) @binding(1) var<storage, read_write> sums: array<vec4<u32>>;    // [INVOCATIONS]

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var sum = vec4<u32>();
  for (var i = id.x; i < UNITS; i += INVOCATIONS) {
    sum += data[i];
  }
  sums[id.x] = sum;
}
