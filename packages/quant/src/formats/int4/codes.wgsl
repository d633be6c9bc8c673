// The codes of int4 weights: a unit is 32 of them, those of 8 columns in a word.
import package::formats::tile::{unit_place};

const MIDDLE: f32 = 8.0;   // zero point of groups that have none of their own

@group(0) @binding(0) var<storage, read> weight: array<vec4<u32>>;

// A word holds codes 0-3 in the low and 4-7 in the high nibbles of its bytes.
fn low_codes(word: u32) -> vec4<f32> {
  return vec4<f32>(unpack4xU8(word & 0x0f0f0f0fu));
}

fn high_codes(word: u32) -> vec4<f32> {
  return vec4<f32>(unpack4xU8((word >> 4u) & 0x0f0f0f0fu));
}

// Codes of columns 8 * k8 .. of one row.
fn code_oct(row: u32, k8: u32) -> mat2x4<f32> {
  let place = unit_place(row / 4u, k8 / 4u, 1u);
  let word = weight[place.x + row % 4u * place.y][k8 % 4u];
  return mat2x4<f32>(low_codes(word), high_codes(word));
}
