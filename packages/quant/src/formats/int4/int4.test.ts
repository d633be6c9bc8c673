// The order of codes, scales and zero points, and the quantisation of a group.
import { describe, expect, it } from 'vitest';
import { f16ToF32, f32ToF16 } from '../../half.js';
import { int4 } from './int4.js';
import { quantizeGroup } from './quantize.js';

describe('the layout', () => {
  it('puts codes 0-3 of a word into low nibbles and 4-7 into high nibbles', () => {
    // Row 1 holds 0..15 twice: scale 1, zero 0, so codes are the values.
    const values = new Float32Array(64);
    values.set(
      Float32Array.from({ length: 32 }, (_, i) => i % 16),
      32,
    );
    const { weight, scales, zeros } = int4.pack(values, 2, 32, { format: 'int4', groupSize: 32, hasZeros: true });
    expect([...(weight?.subarray(4, 8) ?? [])]).toEqual([0x73625140, 0xfbead9c8, 0x73625140, 0xfbead9c8]);
    expect((scales?.[0] ?? 0) >>> 16).toBe(0x3c00);
    expect(zeros?.[0]).toBe(0);
  });

  it('keeps the scales and zero points of a block together', () => {
    const values = Float32Array.from(
      { length: 5 * 64 },
      (_, i) => (i % 32 < 16 ? -7.5 : 7.5) * (1 + Math.floor(i / 32)),
    );
    const { scales, zeros } = int4.pack(values, 5, 64, { format: 'int4', groupSize: 32, hasZeros: true });
    // [2 blocks, 2 scale groups, 2 words]; row 3, group 1 is the high half of the second word.
    expect((scales?.[3] ?? 0) >>> 16).toBe(f32ToF16(8));
    expect((scales?.[6] ?? 0) & 0xffff).toBe(f32ToF16(10));
    expect(zeros?.[1]).toBe(0x08080808);
  });
});

describe('quantizeGroup', () => {
  const dequantize = (values: number[], hasZeros: boolean): number[] => {
    const { scale, zero, codes } = quantizeGroup(Float32Array.from(values), hasZeros);
    return Array.from(codes, (code) => (code - zero) * f16ToF32(scale));
  };

  it('spans min to max with 15 steps and rounds ties to even', () => {
    const { scale, zero, codes } = quantizeGroup(Float32Array.from([-5, 10, 0.5, 1.5, 2.5, -0.5]), true);
    expect({ scale, zero, codes: [...codes] }).toEqual({ scale: 0x3c00, zero: 5, codes: [0, 15, 5, 7, 7, 5] });
  });

  it('reaches values that all lie on one side of 0', () => {
    expect(dequantize([15, 14, 13.1], true)).toEqual([15, 14, 13]);
    expect(dequantize([-15, -14, -13.1], true)).toEqual([-15, -14, -13]);
  });

  it('keeps equal values, zero and tiny values', () => {
    expect(dequantize([0.375, 0.375], true)).toEqual([0.375, 0.375]);
    expect(dequantize([-0.375], true)).toEqual([-0.375]);
    for (const hasZeros of [false, true]) {
      expect(dequantize([0, 0, 0], hasZeros).map(Math.abs)).toEqual([0, 0, 0]);
      expect(dequantize([1e-30, -1e-40], hasZeros).map(Math.abs)).toEqual([0, 0]);
    }
  });

  it('without a zero point reaches both ends with 7 steps', () => {
    expect(dequantize([7, -7, 3.4, -0.6], false)).toEqual([7, -7, 3, -1]);
  });

  it('saturates at the largest f16 scale', () => {
    expect(dequantize([-3e38, 3e38], false)).toEqual([-8 * 65504, 7 * 65504]);
  });
});
