// SiLU, x * sigmoid(x). Fills the slot `activation`.

// The exponent is clamped: exp(88) is still finite, and x / exp(88) is zero for every x that occurs.
fn activate(x: vec4<f32>, _row: u32) -> vec4<f32> {
  return x / (1.0 + exp(min(-x, vec4<f32>(88.0))));
}
