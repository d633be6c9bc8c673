// For SPREAD = 1: a lane has whole dot products and there is nothing to sum.
fn spread_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
  return value;
}
