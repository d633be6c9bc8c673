// Soft cap, SOFTCAP * tanh(x / SOFTCAP). Fills the slot `activation`.

override SOFTCAP: f32;

// Outside of the clamp tanh is 1 or -1 to f32.
fn activate(x: vec4<f32>, _row: u32) -> vec4<f32> {
  return SOFTCAP * tanh(clamp(x / SOFTCAP, vec4<f32>(-15.0), vec4<f32>(15.0)));
}
