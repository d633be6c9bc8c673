// For SPREAD = 1: a lane has whole dot products and there is nothing to sum. For adapters that compute on the CPU.
fn spread_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
  return value;
}

// D4, but not to the compiler: those for CPUs unroll loops of known length, which takes them long and gains nothing.
fn num_units() -> u32 {
  return select(0u, D4, arrayLength(&qkv) > 0u);
}
