// Enters tokens into the counts: prompt, banned and biased tokens as bits, generated tokens (of a sequence that is resumed)
// as increments. Runs after count-clear; one invocation per mark, marks of several slots in one dispatch.
import package::sampling::state::{COUNT_PROMPT, COUNT_BANNED, COUNT_BIASED};

override VOCAB: u32;         // tokens
override VOCAB_STRIDE: u32;  // elements between slots of counts

const LANES: u32 = 64u; // knob: invocations of a workgroup

// Entry 0 is (number of marks, unused); then (slot, id | bits), where no bit means a generated token.
@group(0) @binding(0) var<storage, read> marks: array<vec2<u32>>;           // [1 + numMarks]
@group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;  // [numSlots, VOCAB_STRIDE]

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  if (invocation.x >= marks[0].x) {
    return;
  }
  let mark = marks[invocation.x + 1u];
  let bits = mark.y & (COUNT_PROMPT | COUNT_BANNED | COUNT_BIASED);
  let id = mark.y & ~bits;
  if (id >= VOCAB) {
    return; // image placeholders may lie beyond
  }
  let at = mark.x * VOCAB_STRIDE + id;
  if (bits == 0u) {
    atomicAdd(&counts[at], 1u);
  } else {
    atomicOr(&counts[at], bits);
  }
}
