// Sum over a workgroup: a subgroup sum, then one value per subgroup through workgroup memory. Correct for any subgroup
// size from 4 that divides LANES.

var<workgroup> reduce_scratch: array<f32, LANES / 4u>;

// Every invocation gets the sum; call it from uniform control flow.
fn reduce_sum(value: f32, lane: u32) -> f32 {
  let partial = subgroupAdd(value);
  let size = subgroupAdd(1u);
  if (lane % size == 0u) {
    reduce_scratch[lane / size] = partial;
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < LANES / size; i++) {
    sum += reduce_scratch[i];
  }
  workgroupBarrier();
  return sum;
}
