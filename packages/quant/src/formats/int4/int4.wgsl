// int4 weights: a unit is 32 codes; w = (code - zero) * scale with one scale (and zero) per row and GROUP_SIZE columns.
import package::formats::tile::{COLS, unit_place};

const GROUP_SIZE: u32 = 32u; // knob: columns that share a scale, a multiple of 32

@group(0) @binding(0) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> scales: array<vec2<u32>>;          // [blocks, scale groups] of 4 halves: the block's rows
@if(zeros) @group(0) @binding(2) var<storage, read> zeros: array<u32>;      // [blocks, scale groups] of 4 bytes

fn scale_index(block: u32, group: u32) -> u32 {
  return block * ((COLS + GROUP_SIZE - 1u) / GROUP_SIZE) + group / (GROUP_SIZE / 32u);
}

// Zero points of a block's 4 rows.
fn zeros_at(index: u32) -> vec4<f32> {
  @if(zeros) return vec4<f32>(unpack4xU8(zeros[index]));
  @if(!zeros) return vec4<f32>(8.0);
}

// A word holds codes 0-3 in the low and 4-7 in the high nibbles of its bytes.
fn low_codes(word: u32) -> vec4<f32> {
  return vec4<f32>(unpack4xU8(word & 0x0f0f0f0fu));
}

fn high_codes(word: u32) -> vec4<f32> {
  return vec4<f32>(unpack4xU8((word >> 4u) & 0x0f0f0f0fu));
}

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

// Columns 32 * group .. of rows 4 * block .. times 32 activations: scale * (sum of codes * x - zero * sum of x).
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
  let index = scale_index(block, group);
  let pairs = scales[index];
  let scale = vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
  return scale * (sums - zeros_at(index) * total);
}

// Columns 8 * k8 .. of one row.
fn weight_oct(row: u32, k8: u32) -> mat2x4<f32> {
  let r = row % 4u;
  let place = unit_place(row / 4u, k8 / 4u, 1u);
  let word = weight[place.x + r * place.y][k8 % 4u];
  let index = scale_index(row / 4u, k8 / 4u);
  let scale = unpack2x16float(scales[index][r / 2u])[r % 2u];
  let zero = zeros_at(index)[r];
  return mat2x4<f32>((low_codes(word) - zero) * scale, (high_codes(word) - zero) * scale);
}
