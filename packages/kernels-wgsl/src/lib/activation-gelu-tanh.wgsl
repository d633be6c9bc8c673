// GELU by its tanh approximation, x * (1 + tanh(u)) / 2 with u = sqrt(2 / pi) * (x + 0.044715 * x^3). Fills the slot
// `activation`.

// (1 + tanh(u)) / 2 is the sigmoid of 2u. Outside of the clamp it is 0 or 1 to f32, and exp stays finite.
fn activate(x: vec4<f32>, _row: u32) -> vec4<f32> {
  let c = clamp(x, vec4<f32>(-10.0), vec4<f32>(10.0));
  return x / (1.0 + exp(-1.5957691216 * (c + 0.044715 * c * c * c)));
}
