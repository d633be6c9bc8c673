// KV cache of 8- or 4-bit codes: an element is code * scale + zero, with one grid (scale, zero) for a line. Fills the
// slot `kv`. A page has, for each kv head, the codes of its 2 * PAGE lines, whole words each, and then their grids.
import package::pack::half::{f32_to_f16_bits};

const BITS: u32 = 8u; // knob: of a code, 8 or 4
const LEVELS: u32 = (1u << BITS) - 1u;
const UNITS: u32 = 8u / BITS;                // of a word: its bytes have one in their low bits, the next above
const MASK: u32 = LEVELS * 0x01010101u;
const RAISE: f32 = f32(1u << (BITS - 2u));   // scales are stored times this, as a half is coarse below 2^-14, or zero
const TINY: f32 = 5.9604644775390625e-8;     // below any other scale than 0, which a line of equal elements has

@if(kvWrite)
@group(0) @binding(0) var<storage, read_write> kv: array<u32>;
@if(!kvWrite)
@group(0) @binding(0) var<storage, read> kv: array<u32>;

// The word with unit `c` of a line.
fn kv_codes_at(line: u32, c: u32) -> u32 {
  let num_words = (D4 + UNITS - 1u) / UNITS;
  return line * num_words + line / (2u * PAGE) * 2u * PAGE + c / UNITS;
}

// The word with the grid of a line: behind all lines of its page and head.
fn kv_grid_at(line: u32) -> u32 {
  return kv_codes_at((line / (2u * PAGE) + 1u) * 2u * PAGE, 0u) - 2u * PAGE + line % (2u * PAGE);
}

fn kv_unpack_grid(bits: u32) -> vec2<f32> {
  return unpack2x16float(bits) * vec2<f32>(1.0 / RAISE, 1.0);
}

fn kv_pack_grid(grid: vec2<f32>) -> u32 {
  let bits = bitcast<vec2<u32>>(grid * vec2<f32>(RAISE, 1.0));
  return f32_to_f16_bits(bits.x) | (f32_to_f16_bits(bits.y) << 16u);
}

fn kv_grid(line: u32) -> vec2<f32> {
  return kv_unpack_grid(kv[kv_grid_at(line)]);
}

fn kv_load(line: u32, c: u32, grid: vec2<f32>) -> vec4<f32> {
  let codes = (kv[kv_codes_at(line, c)] >> (c % UNITS * BITS)) & MASK;
  return vec4<f32>(unpack4xU8(codes)) * grid.x + grid.y;
}

// Beyond the range of a half there is only infinity, which must not enter the cache.
fn kv_finite(value: vec4<f32>) -> vec4<f32> {
  return clamp(value, vec4<f32>(-65504.0), vec4<f32>(65504.0));
}

fn kv_code(value: vec4<f32>, grid: vec2<f32>) -> vec4<f32> {
  return clamp(round((kv_finite(value) - grid.y) / max(grid.x, TINY)), vec4<f32>(), vec4<f32>(f32(LEVELS)));
}

fn kv_round(value: vec4<f32>, grid: vec2<f32>) -> vec4<f32> {
  return kv_code(value, grid) * grid.x + grid.y;
}

// Minimum and maximum are the same in any order, so every lane that asks finds the same grid.
@if(kvWrite)
fn kv_fit(first: u32) -> vec2<f32> {
  // D4, but not to the compiler: those for CPUs unroll loops of known length, which takes them seconds.
  let num_units = select(0u, D4, arrayLength(&kv) > 0u);
  var low = fresh[first];
  var high = low;
  for (var c = 1u; c < num_units; c++) {
    low = min(low, fresh[first + c]);
    high = max(high, fresh[first + c]);
  }
  let ends = kv_finite(vec4<f32>(min(low.xy, low.zw), max(high.xy, high.zw)));
  let zero = min(ends.x, ends.y);
  let scale = (max(ends.z, ends.w) - zero) / f32(LEVELS);
  return kv_unpack_grid(kv_pack_grid(vec2<f32>(scale, zero)));
}

// A word is written whole, by the lane of its first unit.
@if(kvWrite)
fn kv_store(line: u32, c: u32, first: u32, grid: vec2<f32>) {
  if (c == 0u) {
    kv[kv_grid_at(line)] = kv_pack_grid(grid);
  }
  if (c % UNITS == 0u) {
    var word = 0u;
    for (var i = 0u; i < UNITS && c + i < D4; i++) {
      word |= pack4xU8(vec4<u32>(kv_code(fresh[first + c + i], grid))) << (i * BITS);
    }
    kv[kv_codes_at(line, c)] = word;
  }
}
