// The scales of int4 and int8 weights, and what moves their codes: w = (code - zero) * scale, or code * scale + bias, one
// of each per row and group of columns. What a code is, and which columns form a group, are other files.
import package::formats::tile::{COLS};

const GROUP_SIZE: u32 = 32u; // knob: columns of a group, a multiple of 32

@group(0) @binding(1) var<storage, read> scales: array<vec2<u32>>;          // [blocks, groups] of 4 halves: the block's rows
@if(zeros) @group(0) @binding(2) var<storage, read> zeros: array<u32>;      // [blocks, groups] of 4 bytes; tables: see tables.wgsl
@if(biases) @group(0) @binding(2) var<storage, read> biases: array<vec2<u32>>;   // like scales

// Index of the numbers of a group in the planes. Tables add a word to the zero points of every block.
fn scale_index(block: u32, group: u32) -> u32 {
  return block * ((COLS + GROUP_SIZE - 1u) / GROUP_SIZE) + group;
}

fn halves_of(pairs: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
}

// Scales of a block's 4 rows.
fn scales_at(index: u32) -> vec4<f32> {
  return halves_of(scales[index]);
}

// Zero points of a block's 4 rows.
fn zeros_at(index: u32) -> vec4<f32> {
  @if(zeros) return vec4<f32>(unpack4xU8(zeros[index]));
  @if(!zeros) return vec4<f32>(MIDDLE);
}

@if(biases) fn biases_at(index: u32) -> vec4<f32> {
  return halves_of(biases[index]);
}

// Sums of 4 rows in a group: `sums` of code * x, `total` of x.
fn scaled_sums(index: u32, sums: vec4<f32>, total: f32) -> vec4<f32> {
  @if(biases) return scales_at(index) * sums + biases_at(index) * total;
  @if(!biases) return scales_at(index) * (sums - zeros_at(index) * total);
}

// The same for row `r` of a block alone.
fn scale_of(index: u32, r: u32) -> f32 {
  return unpack2x16float(scales[index][r / 2u])[r % 2u];
}

fn zero_of(index: u32, r: u32) -> f32 {
  @if(zeros) return f32(extractBits(zeros[index], 8u * r, 8u));
  @if(!zeros) return MIDDLE;
}

// 8 weights of row `r` of a block, all of one group.
fn weights_of(index: u32, r: u32, codes: mat2x4<f32>) -> mat2x4<f32> {
  let scale = scale_of(index, r);
  @if(biases) let bias = unpack2x16float(biases[index][r / 2u])[r % 2u];
  @if(biases) return mat2x4<f32>(codes[0] * scale + bias, codes[1] * scale + bias);
  @if(!biases) let zero = zero_of(index, r);
  @if(!biases) return mat2x4<f32>((codes[0] - zero) * scale, (codes[1] - zero) * scale);
}
