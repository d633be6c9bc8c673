// Exact conversions between f32 and the shorter floats of checkpoints. Formats and GPU kernels repeat these bit for bit.

// Scratch to look at a number's bits; nothing lives in it between calls.
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Bits of an f32. */
export function f32ToBits(value: number): number {
  f32[0] = value;
  return u32[0] ?? 0;
}

/** The f32 with the given bits. */
export function bitsToF32(bits: number): number {
  u32[0] = bits;
  return f32[0] ?? 0;
}

/** Bits of the f16 nearest to `value` (an f32; ties to even). Beyond ±65504 it saturates; NaN stays NaN. */
export function f32ToF16(value: number): number {
  const bits = f32ToBits(value);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477fe000) return sign | 0x7bff;
  if (magnitude >= 0x38800000) {
    // A normal f16: rebias the exponent, then round away the 13 lowest bits; a carry runs into the exponent rightly.
    const odd = (magnitude >>> 13) & 1;
    return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
  }
  // A subnormal f16 counts 2^-24; adding 0.5 lines that bit up with the last bit of an f32, which rounds to even.
  return sign | (f32ToBits(Math.fround(bitsToF32(magnitude) + 0.5)) - 0x3f000000);
}

/** Value of an f16's bits. */
export function f16ToF32(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** Bits of the bf16 nearest to `value` (an f32; ties to even). NaN stays NaN. */
export function f32ToBf16(value: number): number {
  const bits = f32ToBits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Value of a bf16's bits. */
export function bf16ToF32(half: number): number {
  return bitsToF32(half << 16);
}

/**
 * Value of an f8's bits: `e4m3` with 4 bits of exponent, as `float8_e4m3fn`, or `e5m2` with 5. What stands for NaN or infinity
 * there is read as the next number of its row: no weight is either.
 */
export function f8ToF32(bits: number, exponentBits: 4 | 5): number {
  const mantissaBits = 7 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponent = (bits & 0x7f) >> mantissaBits;
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  const magnitude = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  return bits & 0x80 ? -magnitude : magnitude;
}
