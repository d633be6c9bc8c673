// A factor for each weight row. Fills the slot `activation`.

@group(0) @binding(8) var<storage, read> row_scale: array<f32>;   // [Y_START + OUTPUTS]

// Outputs beyond the last one get its factor; they are not written.
fn activate(x: vec4<f32>, row: u32) -> vec4<f32> {
  let at = Y_START + min(row + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(OUTPUTS - 1u));
  return x * vec4<f32>(row_scale[at.x], row_scale[at.y], row_scale[at.z], row_scale[at.w]);
}
