// Sum over a workgroup through a halving tree in workgroup memory. Fills the slot `reduce` where subgroups are missing.
// The kernel's LANES (a power of two) is the workgroup's size.

var<workgroup> reduce_scratch: array<f32, LANES>;

// Every invocation gets the sum; call it from uniform control flow.
fn reduce_sum(value: f32, lane: u32) -> f32 {
  reduce_scratch[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      reduce_scratch[lane] += reduce_scratch[lane + half];
    }
    workgroupBarrier();
  }
  let sum = reduce_scratch[0];
  workgroupBarrier();
  return sum;
}
