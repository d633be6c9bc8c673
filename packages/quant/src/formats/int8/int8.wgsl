// int8 weights in groups of neighbouring columns, multiplied in f32.
import package::formats::int8::codes::{weight, code_oct};
import package::formats::runs::{run_index, scaled_sums, weight_oct};
import package::formats::tile::{unit_place};

fn dot_codes(unit: u32, x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>) -> f32 {
  let codes = weight[unit];
  return dot(vec4<f32>(unpack4xU8(codes.x)), x0) + dot(vec4<f32>(unpack4xU8(codes.y)), x1)
    + dot(vec4<f32>(unpack4xU8(codes.z)), x2) + dot(vec4<f32>(unpack4xU8(codes.w)), x3);
}

// 16 columns of 4 rows.
fn dot_part(
  unit: u32, step: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
) -> vec4<f32> {
  return vec4<f32>(
    dot_codes(unit, x0, x1, x2, x3),
    dot_codes(unit + step, x0, x1, x2, x3),
    dot_codes(unit + 2u * step, x0, x1, x2, x3),
    dot_codes(unit + 3u * step, x0, x1, x2, x3),
  );
}

// Columns 32 * group .. of rows 4 * block .. times 32 activations.
fn weight_dot(
  block: u32, group: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec4<f32> {
  let place = unit_place(block, group, 2u);
  let sums = dot_part(place.x, place.y, x0, x1, x2, x3) + dot_part(place.x + 4u * place.y, place.y, x4, x5, x6, x7);
  let total = dot(((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7)), vec4<f32>(1.0));
  return scaled_sums(run_index(block, group), sums, total);
}
