// What is special to the f32 format; the rest is in formats.test.ts.
import { expect, it } from 'vitest';
import { f32ToBits } from '../../half.js';
import { f32 } from './f32.js';

it('puts column 4c+i of a group into word i of unit c', () => {
  const cols = 32;
  const values = Float32Array.from({ length: 2 * cols }, (_, i) => i + 1);
  const { weight } = f32.pack(values, 2, cols, { format: 'f32', groupSize: 0, hasZeros: false });
  // One group: a tile is 1 wide, so unit = part * 4 + row.
  expect(weight?.[(3 * 4 + 1) * 4 + 2]).toBe(f32ToBits(values[cols + 14] ?? 0));
});
