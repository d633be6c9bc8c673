// f16 and bf16 weights: a unit is 8 halves, two to a word. Neither needs the f16 feature.
import package::formats::tile::{unit_place};

@group(0) @binding(0) var<storage, read> weight: array<vec4<u32>>;

fn halves(pairs: vec2<u32>) -> vec4<f32> {
  @if(!bf16) return vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
  @if(bf16) return bitcast<vec4<f32>>(vec4<u32>(pairs.xxyy << vec4<u32>(16u, 0u, 16u, 0u)) & vec4<u32>(0xffff0000u));
}

fn dot_unit(unit: u32, a: vec4<f32>, b: vec4<f32>) -> f32 {
  let bits = weight[unit];
  return dot(halves(bits.xy), a) + dot(halves(bits.zw), b);
}

// 8 columns of 4 rows.
fn dot_part(unit: u32, step: u32, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(
    dot_unit(unit, a, b),
    dot_unit(unit + step, a, b),
    dot_unit(unit + 2u * step, a, b),
    dot_unit(unit + 3u * step, a, b),
  );
}

// Columns 32 * group .. of rows 4 * block .. times 32 activations.
fn weight_dot(
  block: u32, group: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec4<f32> {
  let place = unit_place(block, group, 4u);
  let unit = place.x;
  let step = place.y;
  return dot_part(unit, step, x0, x1) + dot_part(unit + 4u * step, step, x2, x3)
    + dot_part(unit + 8u * step, step, x4, x5) + dot_part(unit + 12u * step, step, x6, x7);
}

// Columns 8 * k8 .. of one row.
fn weight_oct(row: u32, k8: u32) -> mat2x4<f32> {
  let place = unit_place(row / 4u, k8 / 4u, 4u);
  let bits = weight[place.x + ((k8 % 4u) * 4u + row % 4u) * place.y];
  return mat2x4<f32>(halves(bits.xy), halves(bits.zw));
}
