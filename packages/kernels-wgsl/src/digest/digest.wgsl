// Folds a buffer into a fingerprint: every invocation mixes the words that it reads into a state of its own, one after the
// other. Each step is a bijection of the state and of the word, so a buffer with one other word gives another fingerprint.

override INVOCATIONS: u32;   // invocations of the whole grid

const LANES: u32 = 256u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read> data: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> states: array<vec4<u32>>;    // [INVOCATIONS]

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var state = states[id.x];
  for (var i = id.x; i < arrayLength(&data); i += INVOCATIONS) {
    state = (state ^ data[i]) * 0x9e3779b1u;
    state ^= state >> vec4<u32>(15u);
  }
  states[id.x] = state;
}
