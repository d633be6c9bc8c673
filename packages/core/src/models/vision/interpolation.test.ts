// Positions of a grid stretched over another: the numbers of PyTorch's bicubic interpolation.
import { describe, expect, it } from 'vitest';
import { CUBIC_TAPS, interpolate } from './interpolation.js';

/** A table of numbers, one a position, on the grid of side `to`. */
function stretch(table: readonly number[], to: number): number[] {
  const { index, weights } = interpolate(Math.sqrt(table.length), to);
  return Array.from({ length: to * to }, (_, row) => {
    expect(index[row * (1 + CUBIC_TAPS)]).toBe(row);
    const taps = Array.from({ length: CUBIC_TAPS }, (_, tap) => row * CUBIC_TAPS + tap);
    return taps.reduce((sum, tap) => sum + (weights[tap] ?? 0) * (table[index[tap + row + 1] ?? -1] ?? Number.NaN), 0);
  });
}

describe('interpolate', () => {
  it('keeps a table of the same size, to the bit', () => {
    const table = [3, 1, 4, 1, 5, 9, 2, 6, 5];
    expect(stretch(table, 3)).toEqual(table);
  });

  it('weighs four lines by four columns, and repeats those at the edges', () => {
    // Half way between lines 1 and 2 of 4: (-0.09375, 0.59375, 0.59375, -0.09375).
    const [corner] = stretch([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1);
    expect(corner).toBeCloseTo(0.59375 ** 2, 6);
    // Twice as large: a quarter before line 0, which stands for those beyond the edge too.
    const [first, second] = stretch([1, 0, 0, 1], 4);
    const [near, next] = [1.10546875, 0.7734375];
    expect(first).toBeCloseTo(near ** 2 + (1 - near) ** 2, 6);
    expect(second).toBeCloseTo(near * next + (1 - near) * (1 - next), 6);
  });

  it('leaves a level where it is', () => {
    for (const value of stretch(Array(9).fill(7), 5)) expect(value).toBeCloseTo(7, 5);
  });
});
