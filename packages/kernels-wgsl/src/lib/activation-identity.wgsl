// No activation. Fills the slot `activation`.

fn activate(x: vec4<f32>, _row: u32) -> vec4<f32> {
  return x;
}
