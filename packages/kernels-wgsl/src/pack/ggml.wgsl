// Raw blocks of a block-quantised type of GGUF files, named by its flags and knobs (quant's formats/ggml/blocks.ts). An
// element is a column; rows are whole blocks.
import package::pack::half::{f16_to_f32_bits};

const BLOCK_BYTES: u32 = 18u; // knob: bytes of a block
const BLOCK_COLUMNS: u32 = 32u; // knob: elements of a block
const SCALE: u32 = 0u; // knob: byte of the f16 scale; a min follows it
const CODES: u32 = 2u; // knob: byte of the codes
const HIGH: u32 = 0u; // knob: byte of the codes' high bits
const ZERO: u32 = 8u; // knob: the code that stands for 0

@group(0) @binding(3) var<storage, read> source: array<u32>;

fn byte_at(index: u32) -> u32 {
  return (source[index / 4u] >> (index % 4u * 8u)) & 0xffu;
}

// Blocks begin at even bytes.
fn half_at(index: u32) -> u32 {
  return (source[index / 4u] >> (index % 4u * 8u)) & 0xffffu;
}

fn f32_bits_at(index: u32) -> u32 {
  return f16_to_f32_bits(half_at(index));
}

fn f32_at(index: u32) -> f32 {
  return bitcast<f32>(f32_bits_at(index));
}

// First byte of an element's block.
fn block_start(index: u32) -> u32 {
  return index / BLOCK_COLUMNS * BLOCK_BYTES;
}

// Code of an element. Two runs of columns share bytes: one has the low nibbles, the other the high ones.
@if(small) fn code_at(index: u32) -> u32 {
  let start = block_start(index);
  let column = index % 32u;
  var code = (byte_at(start + CODES + column % 16u) >> (column / 16u * 4u)) & 15u;
  @if(fifth) code |= ((byte_at(start + HIGH + column / 8u) >> (column % 8u)) & 1u) << 4u;
  return code;
}

// Codes of 8 bits are stored less 128, as signed bytes.
@if(whole) fn code_at(index: u32) -> u32 {
  return byte_at(block_start(index) + CODES + index % 32u) ^ 0x80u;
}

@if(k) fn code_at(index: u32) -> u32 {
  let start = block_start(index);
  let run = index % 256u / 32u;
  let lane = index % 32u;
  var code = (byte_at(start + CODES + run / 2u * 32u + lane) >> (run % 2u * 4u)) & 15u;
  @if(fifth) code |= ((byte_at(start + HIGH + lane) >> run) & 1u) << 4u;
  return code;
}

@if(k16) fn code_at(index: u32) -> u32 {
  let start = block_start(index);
  let part = index % 256u / 128u;
  let quarter = index % 128u / 32u;
  let lane = index % 32u;
  let low = (byte_at(start + CODES + part * 64u + quarter % 2u * 32u + lane) >> (quarter / 2u * 4u)) & 15u;
  return low | (((byte_at(start + HIGH + part * 32u + lane) >> (quarter * 2u)) & 3u) << 4u);
}

// Multiples of scale and min for 32 columns, 6 bits each.
@if(k) fn multiples(start: u32, group: u32) -> vec2<u32> {
  let first = start + 4u + group % 4u;
  if group < 4u {
    return vec2<u32>(byte_at(first), byte_at(first + 4u)) & vec2<u32>(63u);
  }
  let both = byte_at(first + 8u);
  return vec2<u32>(both & 15u, both >> 4u) | ((vec2<u32>(byte_at(first), byte_at(first + 4u)) >> vec2<u32>(6u)) << vec2<u32>(4u));
}

// Multiple of the scale for 16 columns: a signed byte.
@if(k16) fn multiple(start: u32, part: u32) -> u32 {
  return byte_at(start + SCALE - 16u + part);
}
