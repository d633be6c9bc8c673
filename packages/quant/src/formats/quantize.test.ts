// The quantisation of a group.
import { describe, expect, it } from 'vitest';
import { f16ToF32, f32ToF16 } from '../half.js';
import { type GroupOffset, quantizeGroup } from './quantize.js';

describe('quantizeGroup', () => {
  const dequantize = (values: number[], offset: GroupOffset): number[] => {
    const { scale, zero, codes } = quantizeGroup(Float32Array.from(values), offset);
    return Array.from(codes, (code) => (code - zero) * f16ToF32(scale));
  };

  it('spans min to max with 15 steps and rounds ties to even', () => {
    const { scale, zero, codes } = quantizeGroup(Float32Array.from([-5, 10, 0.5, 1.5, 2.5, -0.5]), 'zero');
    expect({ scale, zero, codes: [...codes] }).toEqual({ scale: 0x3c00, zero: 5, codes: [0, 15, 5, 7, 7, 5] });
  });

  it('reaches values that all lie on one side of 0', () => {
    expect(dequantize([15, 14, 13.1], 'zero')).toEqual([15, 14, 13]);
    expect(dequantize([-15, -14, -13.1], 'zero')).toEqual([-15, -14, -13]);
  });

  it('keeps equal values, zero and tiny values', () => {
    expect(dequantize([0.375, 0.375], 'zero')).toEqual([0.375, 0.375]);
    expect(dequantize([-0.375], 'zero')).toEqual([-0.375]);
    for (const offset of ['none', 'zero'] as const) {
      expect(dequantize([0, 0, 0], offset).map(Math.abs)).toEqual([0, 0, 0]);
      expect(dequantize([1e-30, -1e-40], offset).map(Math.abs)).toEqual([0, 0]);
    }
  });

  it('without a zero point reaches both ends with 7 steps', () => {
    expect(dequantize([7, -7, 3.4, -0.6], 'none')).toEqual([7, -7, 3, -1]);
  });

  it('saturates at the largest f16 scale', () => {
    expect(dequantize([-3e38, 3e38], 'none')).toEqual([-8 * 65504, 7 * 65504]);
  });

  it('with a bias spans min to max, wherever they lie', () => {
    const { scale, bias, codes } = quantizeGroup(Float32Array.from([5, 20, 6.4]), 'bias');
    expect({ scale, bias, codes: [...codes] }).toEqual({ scale: 0x3c00, bias: f32ToF16(5), codes: [0, 15, 1] });
  });

  it('takes 8 bits as it takes 4', () => {
    const { scale, zero, codes } = quantizeGroup(Float32Array.from([-55, 200, 0.5]), 'zero', 8);
    expect({ scale, zero, codes: [...codes] }).toEqual({ scale: 0x3c00, zero: 55, codes: [0, 255, 55] });
    expect(quantizeGroup(Float32Array.from([127, -127]), 'none', 8)).toMatchObject({ scale: 0x3c00, zero: 128 });
  });
});
