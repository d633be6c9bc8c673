// f32 weights: a unit is 4 of them.
import package::formats::tile::{unit_place};

@group(0) @binding(0) var<storage, read> weight: array<vec4<f32>>;

// 4 columns of 4 rows.
fn dot_part(unit: u32, step: u32, x: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(
    dot(weight[unit], x),
    dot(weight[unit + step], x),
    dot(weight[unit + 2u * step], x),
    dot(weight[unit + 3u * step], x),
  );
}

// Columns 32 * group .. of rows 4 * block .. times 32 activations.
fn weight_dot(
  block: u32, group: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec4<f32> {
  let place = unit_place(block, group, 8u);
  let unit = place.x;
  let step = place.y;
  return dot_part(unit, step, x0) + dot_part(unit + 4u * step, step, x1)
    + dot_part(unit + 8u * step, step, x2) + dot_part(unit + 12u * step, step, x3)
    + dot_part(unit + 16u * step, step, x4) + dot_part(unit + 20u * step, step, x5)
    + dot_part(unit + 24u * step, step, x6) + dot_part(unit + 28u * step, step, x7);
}

// Columns 8 * k8 .. of one row.
fn weight_oct(row: u32, k8: u32) -> mat2x4<f32> {
  let place = unit_place(row / 4u, k8 / 4u, 8u);
  let unit = place.x + ((k8 % 4u) * 8u + row % 4u) * place.y;
  return mat2x4<f32>(weight[unit], weight[unit + 4u * place.y]);
}
