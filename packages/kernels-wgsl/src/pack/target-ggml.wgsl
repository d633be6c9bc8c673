// Blocks of GGUF files into the planes that hold them exactly (quant's formats/ggml, int4 and int8): nothing is computed, bits
// find their places. Four rows share words of scales, and rows come in any order: those words are or-ed into planes that
// must be zero before (new buffers are).
import package::pack::ggml::{BLOCK_COLUMNS, SCALE, block_start, half_at, f32_bits_at};
import package::pack::span::{params, Span, unit_place};

const CODE_BITS: u32 = 4u; // knob: bits of a code in the main plane: 4 or 8
const HIGH_BITS: u32 = 0u; // knob: bits of a code that lie apart: 0, 1 or 2
const SPAN: u32 = BLOCK_COLUMNS;
const PER_WORD: u32 = 32u / CODE_BITS;
const LARGEST: u32 = (1u << CODE_BITS) - 1u;

@group(0) @binding(0) var<storage, read_write> weight: array<u32>;
@group(0) @binding(1) var<storage, read_write> scales: array<atomic<u32>>;
@if(biases) @group(0) @binding(2) var<storage, read_write> biases: array<atomic<u32>>;
@if(high) @group(0) @binding(2) var<storage, read_write> high: array<u32>;

// Codes 0-3 are the bytes of a word; of 4 bits, 4-7 are their high nibbles.
fn main_word(first: u32) -> u32 {
  var packed = 0u;
  for (var k = 0u; k < PER_WORD; k++) {
    packed |= (code_at(first + k) & LARGEST) << (k % 4u * 8u + k / 4u * 4u);
  }
  return packed;
}

// The word of 32 / HIGH_BITS codes: those of a byte's columns lie together.
@if(high) fn high_word(first: u32) -> u32 {
  var packed = 0u;
  for (var k = 0u; k < 32u / HIGH_BITS; k++) {
    packed |= (code_at(first + k) >> 4u) << (k % 4u * 8u + k / 4u * HIGH_BITS);
  }
  return packed;
}

// `index` counts blocks of 4 rows times entries of the plane; `start` is the block's first byte.
@if(halves) fn pack_scales(index: u32, row: u32, start: u32) {
  let at = index * 2u + row / 2u;
  let shift = row % 2u * 16u;
  atomicOr(&scales[at], half_at(start + SCALE) << shift);
  @if(biases) atomicOr(&biases[at], half_at(start + SCALE + 2u) << shift);
}

@if(pairs) fn pack_scales(index: u32, row: u32, start: u32) {
  atomicStore(&scales[index * 4u + row], half_at(start + SCALE) | (half_at(start + SCALE + 2u) << 16u));
}

@if(k) fn pack_scales(index: u32, row: u32, start: u32) {
  let first = index * 24u;
  atomicStore(&scales[first + row], f32_bits_at(start + SCALE));
  atomicStore(&scales[first + 4u + row], f32_bits_at(start + SCALE + 2u));
  for (var group = 0u; group < 8u; group++) {
    let two = multiples(start, group);
    atomicOr(&scales[first + 8u + 2u * group], two.x << (8u * row));
    atomicOr(&scales[first + 9u + 2u * group], two.y << (8u * row));
  }
}

@if(k16) fn pack_scales(index: u32, row: u32, start: u32) {
  let first = index * 20u;
  atomicStore(&scales[first + row], f32_bits_at(start + SCALE));
  for (var part = 0u; part < 16u; part++) {
    atomicOr(&scales[first + 4u + part], multiple(start, part) << (8u * row));
  }
}

fn pack_span(span: Span) {
  let block = span.row / 4u;
  let row = span.row % 4u;
  pack_scales(block * ((params.num_cols + SPAN - 1u) / SPAN) + span.number, row, block_start(span.first));
  for (var done = 0u; done < SPAN; done += 32u) {
    let group = (span.number * SPAN + done) / 32u;
    let place = unit_place(span.row, group, CODE_BITS / 4u);
    for (var i = 0u; i < CODE_BITS; i++) {
      weight[(place.x + i / 4u * place.y) * 4u + i % 4u] = main_word(span.first + done + PER_WORD * i);
    }
    @if(high) let entry = block * ((params.num_cols + 31u) / 32u) + group;
    @if(high) for (var i = 0u; i < HIGH_BITS; i++) {
      high[(entry * HIGH_BITS + i) * 4u + row] = high_word(span.first + done + 32u / HIGH_BITS * i);
    }
  }
}
