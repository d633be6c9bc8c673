// "Quick" GELU, x * sigmoid(1.702 * x). Fills the slot `activation`.

// The exponent is clamped as in activation-silu.
fn activate(x: vec4<f32>, _row: u32) -> vec4<f32> {
  return x / (1.0 + exp(min(-1.702 * x, vec4<f32>(88.0))));
}
