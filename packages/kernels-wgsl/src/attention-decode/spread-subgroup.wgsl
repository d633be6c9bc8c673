// Sum over SPREAD neighbouring lanes through the subgroup; SPREAD is at most 4, the smallest subgroup there is.

// Every lane gets its neighbours' sum; call it from uniform control flow.
fn spread_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
  var sum = value;
  for (var step = 1u; step < SPREAD; step *= 2u) {
    sum += subgroupShuffleXor(sum, step);
  }
  return sum;
}

// Units of a head, for a loop that may be unrolled.
fn num_units() -> u32 {
  return D4;
}
