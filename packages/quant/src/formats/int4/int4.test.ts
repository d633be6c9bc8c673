// The order of codes, scales and zero points.
import { describe, expect, it } from 'vitest';
import { f32ToF16 } from '../../half.js';
import { int4 } from './int4.js';

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
