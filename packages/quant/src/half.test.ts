// The 16-bit floats over all their values.
import { describe, expect, it } from 'vitest';
import { bf16ToF32, bitsToF32, f8ToF32, f16ToF32, f32ToBf16, f32ToBits, f32ToF16 } from './half.js';

const all = Array.from({ length: 65536 }, (_, bits) => bits);

/** The nearest finite f16 by search over all of them: slow, and free of bit tricks. */
const finite = all.slice(0, 0x7c00).map((bits) => ({ bits, value: f16ToF32(bits) }));
function nearestF16(value: number): number {
  let low = 0;
  let high = finite.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((finite[middle]?.value ?? 0) <= value) low = middle;
    else high = middle;
  }
  const below = value - (finite[low]?.value ?? 0);
  const above = (finite[high]?.value ?? 0) - value;
  if (below === above) return low % 2 === 0 ? low : high;
  return below < above ? low : high;
}

describe('f16', () => {
  it('brings back every finite value', () => {
    const wrong = all.filter((bits) => (bits & 0x7fff) < 0x7c00 && f32ToF16(f16ToF32(bits)) !== bits);
    expect(wrong).toEqual([]);
  });

  it('rounds to nearest, ties to even, at, below and above every midpoint', () => {
    for (const { bits, value } of finite.slice(0, -1)) {
      const middle = (value + f16ToF32(bits + 1)) / 2;
      const raw = f32ToBits(middle);
      for (const candidate of [middle, bitsToF32(raw - 1), bitsToF32(raw + 1)].filter((c) => c >= 0)) {
        const got = f32ToF16(candidate);
        if (got !== nearestF16(candidate)) expect.fail(`${candidate}: ${got} is not ${nearestF16(candidate)}`);
        if (candidate > 0 && f32ToF16(-candidate) !== (got | 0x8000)) expect.fail(`-${candidate}`);
      }
    }
  });

  it('saturates, and keeps NaN', () => {
    expect([65504, 65520, 1e30, Number.POSITIVE_INFINITY].map(f32ToF16)).toEqual([0x7bff, 0x7bff, 0x7bff, 0x7bff]);
    expect([-65520, Number.NEGATIVE_INFINITY].map(f32ToF16)).toEqual([0xfbff, 0xfbff]);
    expect(f16ToF32(f32ToF16(Number.NaN))).toBeNaN();
    expect([0, -0].map(f32ToF16)).toEqual([0, 0x8000]);
  });
});

describe('bf16', () => {
  it('brings back every value', () => {
    expect(all.filter((bits) => !Number.isNaN(bf16ToF32(bits)) && f32ToBf16(bf16ToF32(bits)) !== bits)).toEqual([]);
  });

  it('rounds to nearest, ties to even', () => {
    expect([0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff].map((bits) => f32ToBf16(bitsToF32(bits)))).toEqual([
      0x3f80, 0x3f82, 0x3f81, 0x3f80,
    ]);
    expect(bf16ToF32(f32ToBf16(Number.NaN))).toBeNaN();
  });
});

describe('f8', () => {
  it('has the numbers of e4m3 and e5m2', () => {
    const e4m3 = [0x00, 0x80, 0x01, 0x07, 0x08, 0x38, 0x39, 0xb8, 0x7e];
    expect(e4m3.map((bits) => f8ToF32(bits, 4))).toEqual([0, -0, 2 ** -9, 7 * 2 ** -9, 2 ** -6, 1, 1.125, -1, 448]);
    const e5m2 = [0x00, 0x01, 0x03, 0x04, 0x3c, 0x3d, 0xbc, 0x7b];
    expect(e5m2.map((bits) => f8ToF32(bits, 5))).toEqual([0, 2 ** -16, 3 * 2 ** -16, 2 ** -14, 1, 1.25, -1, 57344]);
  });

  it('fits into f16', () => {
    const bits = Array.from({ length: 256 }, (_, i) => i).filter((i) => (i & 0x7f) < 0x7c);
    for (const exponentBits of [4, 5] as const) {
      expect(bits.map((i) => f16ToF32(f32ToF16(f8ToF32(i, exponentBits))))).toEqual(
        bits.map((i) => f8ToF32(i, exponentBits)),
      );
    }
  });
});
