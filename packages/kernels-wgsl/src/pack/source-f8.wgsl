// Raw f8 elements, four to a word. Each is multiplied by the factor of its row and run of columns, and rounded once.
import package::pack::span::{params};

const EXPONENT_BITS: u32 = 4u; // knob: 4 (e4m3) or 5 (e5m2)
const MANTISSA_BITS: u32 = 7u - EXPONENT_BITS;
const BIAS: u32 = (1u << (EXPONENT_BITS - 1u)) - 1u;
const MANTISSA: u32 = (1u << MANTISSA_BITS) - 1u;

@group(0) @binding(3) var<storage, read> source: array<u32>;
@group(0) @binding(5) var<storage, read> factors: array<f32>;   // [rows of the window, runs of columns]

fn number_of(byte: u32) -> f32 {
  let exponent = (byte & 0x7fu) >> MANTISSA_BITS;
  let mantissa = byte & MANTISSA;
  let subnormal = f32(mantissa) * bitcast<f32>((128u - BIAS - MANTISSA_BITS) << 23u);
  let normal = bitcast<f32>(((exponent + 127u - BIAS) << 23u) | (mantissa << (23u - MANTISSA_BITS)));
  let magnitude = select(normal, subnormal, exponent == 0u);
  return select(magnitude, -magnitude, byte >= 128u);
}

// Bits of element `index` as f32.
fn source_bits(index: u32) -> u32 {
  let at = index - params.source_start;
  let runs = (params.num_cols + params.factor_cols - 1u) / params.factor_cols;
  let factor = factors[at / params.num_cols * runs + at % params.num_cols / params.factor_cols];
  return bitcast<u32>(number_of((source[index / 4u] >> (index % 4u * 8u)) & 0xffu) * factor);
}
