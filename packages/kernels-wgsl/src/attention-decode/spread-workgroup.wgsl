// Sum over SPREAD neighbouring lanes through the kernel's `scratch` in workgroup memory.

// Every lane gets its neighbours' sum; call it from uniform control flow.
fn spread_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
  scratch[lane] = value;
  workgroupBarrier();
  var sum = vec4<f32>();
  for (var i = 0u; i < SPREAD; i++) {
    sum += scratch[lane / SPREAD * SPREAD + i];
  }
  workgroupBarrier();
  return sum;
}

// Units of a head, for a loop that may be unrolled.
fn num_units() -> u32 {
  return D4;
}
