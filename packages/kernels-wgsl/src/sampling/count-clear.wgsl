// Zeroes the counts of slots that start a sequence: a workgroup is a tile of the vocabulary (x) of a started slot (y).

override VOCAB_STRIDE: u32;  // elements between slots of counts

const LANES: u32 = 256u; // knob: invocations of a workgroup
const PER_LANE: u32 = 4u; // knob: counts that an invocation zeroes

@group(0) @binding(0) var<storage, read> started_slots: array<u32>;  // [numStarted]
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;   // [numSlots, VOCAB_STRIDE]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let slot = started_slots[wg.y];
  let first = wg.x * LANES * PER_LANE + lane;
  for (var i = 0u; i < PER_LANE; i++) {
    let id = first + i * LANES;
    if (id < VOCAB_STRIDE) {
      counts[slot * VOCAB_STRIDE + id] = 0u;
    }
  }
}
