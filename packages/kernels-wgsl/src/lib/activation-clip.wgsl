// Clipping to -CLIP .. CLIP. Fills the slot `activation`.

override CLIP: f32;

fn activate(x: vec4<f32>, _row: u32) -> vec4<f32> {
  return clamp(x, vec4<f32>(-CLIP), vec4<f32>(CLIP));
}
