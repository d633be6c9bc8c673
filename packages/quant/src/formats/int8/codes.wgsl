// The codes of int8 weights: a unit is 16 of them, those of 4 columns in a word.
import package::formats::tile::{unit_place};

const MIDDLE: f32 = 128.0;   // zero point of groups that have none of their own

@group(0) @binding(0) var<storage, read> weight: array<vec4<u32>>;

// Codes of columns 8 * k8 .. of one row.
fn code_oct(row: u32, k8: u32) -> mat2x4<f32> {
  let place = unit_place(row / 4u, k8 / 4u, 2u);
  let unit = weight[place.x + (k8 % 4u / 2u * 4u + row % 4u) * place.y];
  let words = select(unit.xy, unit.zw, k8 % 2u == 1u);
  return mat2x4<f32>(vec4<f32>(unpack4xU8(words.x)), vec4<f32>(unpack4xU8(words.y)));
}
