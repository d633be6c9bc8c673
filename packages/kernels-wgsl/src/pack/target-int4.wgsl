// The int4 format, quantised round-to-nearest as quant's quantize.ts does it, bit for bit. Four rows share the words of
// scales and zeros, and rows come in any order: they are or-ed into planes that must be zero before (new buffers are).
import package::pack::half::{f16_to_f32_bits, f32_to_f16_bits};
import package::pack::span::{params, Span, element_at, unit_place};
import slot::source::{source_bits};

const GROUP_SIZE: u32 = 32u; // knob: columns that share a scale, a multiple of 32
const SPAN: u32 = GROUP_SIZE;
const MIN_SCALE: f32 = 5.9604644775390625e-8;   // the least f16 above 0
const MAX_F32: f32 = 3.4028234e38;

@group(0) @binding(0) var<storage, read_write> weight: array<u32>;
@group(0) @binding(1) var<storage, read_write> scales: array<atomic<u32>>;
@if(zeros) @group(0) @binding(2) var<storage, read_write> zeros: array<atomic<u32>>;

struct Grid { scale: f32, zero: f32 }

fn value(span: Span, k: u32) -> f32 {
  return bitcast<f32>(source_bits(element_at(span, k)));
}

// value / scale to the nearest integer, ties to even. The quotient may be off in its last bits, the comparisons not:
// a scale has 11 bits and a guess 6, so their product is exact.
fn rounded_quotient(value: f32, scale: f32) -> f32 {
  let guess = round(clamp(value / scale, -32.0, 32.0));
  let is_odd = (i32(guess) & 1) != 0;
  let above = (guess + 0.5) * scale;
  let below = (guess - 0.5) * scale;
  if value > above || (value == above && is_odd) {
    return guess + 1.0;
  }
  if value < below || (value == below && is_odd) {
    return guess - 1.0;
  }
  return guess;
}

fn clamp_code(code: f32) -> f32 {
  return clamp(code, 0.0, 15.0);
}

fn grid_of(smallest: f32, largest: f32) -> Grid {
  let low = min(smallest, 0.0);
  let high = max(largest, 0.0);
  @if(zeros) let ideal = select((high - low) * (1.0 / 15.0), high - low, smallest == largest);
  @if(!zeros) let ideal = max(-low, high) * (1.0 / 7.0);
  let scale = bitcast<f32>(f16_to_f32_bits(f32_to_f16_bits(bitcast<u32>(max(ideal, MIN_SCALE)))));
  @if(zeros) return Grid(scale, clamp_code(rounded_quotient(-low, scale)));
  @if(!zeros) return Grid(scale, 8.0);
}

fn code(span: Span, grid: Grid, k: u32) -> u32 {
  if k >= span.count {
    return u32(grid.zero);   // padding comes out as 0
  }
  return u32(clamp_code(rounded_quotient(value(span, k), grid.scale) + grid.zero));
}

// The word of 8 codes: 0-3 in the low and 4-7 in the high nibbles of its bytes.
fn word(span: Span, grid: Grid, first: u32) -> u32 {
  var packed = 0u;
  for (var k = 0u; k < 8u; k++) {
    packed |= code(span, grid, first + k) << (k % 4u * 8u + k / 4u * 4u);
  }
  return packed;
}

fn pack_span(span: Span) {
  var smallest = MAX_F32;
  var largest = -MAX_F32;
  for (var k = 0u; k < span.count; k++) {
    let v = value(span, k);
    smallest = min(smallest, v);
    largest = max(largest, v);
  }
  let grid = grid_of(smallest, largest);
  let spans = (params.num_cols + SPAN - 1u) / SPAN;
  let at = (span.row / 4u * spans + span.number) * 4u + span.row % 4u;
  atomicOr(&scales[at / 2u], f32_to_f16_bits(bitcast<u32>(grid.scale)) << (at % 2u * 16u));
  @if(zeros) atomicOr(&zeros[at / 4u], u32(grid.zero) << (at % 4u * 8u));
  for (var first = 0u; first < span.count; first += 32u) {
    let place = unit_place(span.row, (span.number * SPAN + first) / 32u, 1u);
    for (var i = 0u; i < 4u; i++) {
      weight[place.x * 4u + i] = word(span, grid, first + i * 8u);
    }
  }
}
