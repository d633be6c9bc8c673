// int4 weights in groups of neighbouring columns, multiplied in f32.
import package::formats::int4::codes::{weight, low_codes, high_codes, code_oct};
import package::formats::runs::{run_index, scaled_sums, weight_oct};
import package::formats::tile::{unit_place};

fn dot_codes(
  unit: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> f32 {
  let codes = weight[unit];
  return dot(low_codes(codes.x), x0) + dot(high_codes(codes.x), x1)
    + dot(low_codes(codes.y), x2) + dot(high_codes(codes.y), x3)
    + dot(low_codes(codes.z), x4) + dot(high_codes(codes.z), x5)
    + dot(low_codes(codes.w), x6) + dot(high_codes(codes.w), x7);
}

// Columns 32 * group .. of rows 4 * block .. times 32 activations.
fn weight_dot(
  block: u32, group: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec4<f32> {
  let place = unit_place(block, group, 1u);
  let unit = place.x;
  let step = place.y;
  let sums = vec4<f32>(
    dot_codes(unit, x0, x1, x2, x3, x4, x5, x6, x7),
    dot_codes(unit + step, x0, x1, x2, x3, x4, x5, x6, x7),
    dot_codes(unit + 2u * step, x0, x1, x2, x3, x4, x5, x6, x7),
    dot_codes(unit + 3u * step, x0, x1, x2, x3, x4, x5, x6, x7),
  );
  let total = dot(((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7)), vec4<f32>(1.0));
  return scaled_sums(run_index(block, group), sums, total);
}
