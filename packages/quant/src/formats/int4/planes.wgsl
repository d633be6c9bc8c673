// The planes of int4 weights: a unit is 32 codes; w = (code - zero) * scale with one scale (and zero) per row and
// GROUP_SIZE columns. Products are in int4.wgsl (f32) and int4-half.wgsl (f16).
import package::formats::tile::{COLS, unit_place};

const GROUP_SIZE: u32 = 32u; // knob: columns that share a scale, a multiple of 32

@group(0) @binding(0) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> scales: array<vec2<u32>>;          // [blocks, scale groups] of 4 halves: the block's rows
@if(zeros) @group(0) @binding(2) var<storage, read> zeros: array<u32>;      // [blocks, scale groups] of 4 bytes

fn scale_index(block: u32, group: u32) -> u32 {
  return block * ((COLS + GROUP_SIZE - 1u) / GROUP_SIZE) + group / (GROUP_SIZE / 32u);
}

// Scales of a block's 4 rows.
fn scales_at(index: u32) -> vec4<f32> {
  let pairs = scales[index];
  return vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
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
