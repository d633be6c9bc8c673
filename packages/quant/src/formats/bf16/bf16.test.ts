// What is special to the bf16 format; the rest is in formats.test.ts.
import { expect, it } from 'vitest';
import { f32ToBf16 } from '../../half.js';
import { bf16 } from './bf16.js';

it('puts columns 8c+2i and 8c+2i+1 of a group into word i of unit c', () => {
  const cols = 64;
  const values = Float32Array.from({ length: 3 * cols }, (_, i) => (i - 90) / 7);
  const { weight } = bf16.pack(values, 3, cols, { format: 'bf16', groupSize: 0, hasZeros: false });
  // Two groups: a tile is 2 wide, so unit = (part * 4 + row) * 2 + group.
  const at = 2 * cols + 32 + 8 * 3 + 2;
  const pair = (f32ToBf16(values[at] ?? 0) | (f32ToBf16(values[at + 1] ?? 0) << 16)) >>> 0;
  expect(weight?.[((3 * 4 + 2) * 2 + 1) * 4 + 1]).toBe(pair);
});
