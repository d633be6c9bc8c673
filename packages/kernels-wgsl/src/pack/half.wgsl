// Exact conversions between the bits of f32 and f16 in integers: WGSL's own may round either way and drop subnormals.
fn f16_to_f32_bits(half: u32) -> u32 {
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let mantissa = half & 0x3ffu;
  if exponent == 0u {
    return sign | bitcast<u32>(f32(mantissa) * 5.9604644775390625e-8);
  }
  return sign | (select(exponent + 112u, 255u, exponent == 31u) << 23u) | (mantissa << 13u);
}

// Nearest, ties to even; saturates at 65504, keeps NaN.
fn f32_to_f16_bits(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if magnitude > 0x7f800000u {
    return sign | 0x7e00u;
  }
  if magnitude >= 0x477fe000u {
    return sign | 0x7bffu;
  }
  if magnitude >= 0x38800000u {
    return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u);
  }
  let shift = min(126u - (magnitude >> 23u), 25u);
  let mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  return sign | ((mantissa + (1u << (shift - 1u)) - 1u + ((mantissa >> shift) & 1u)) >> shift);
}

// Nearest, ties to even; keeps NaN.
fn f32_to_bf16_bits(bits: u32) -> u32 {
  if (bits & 0x7fffffffu) > 0x7f800000u {
    return ((bits >> 16u) & 0x8000u) | 0x7fc0u;
  }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}
