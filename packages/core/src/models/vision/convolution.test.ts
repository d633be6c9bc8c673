// Which rows convolutions see: edges, strides, and maps of another size.
import { describe, expect, it } from 'vitest';
import { convolutionIndex, resizedConvolution } from './convolution.js';

const NONE = 0xffffffff;

/** The entries of an output, without its own row. */
const around = (index: Uint32Array, row: number, length: number): number[] => [
  ...index.subarray(row * (1 + length) + 1, (row + 1) * (1 + length)),
];

describe('a convolution', () => {
  it('sees nothing beyond the edges', () => {
    const index = convolutionIndex(3, 1);
    expect(index.length).toBe(9 * 10);
    expect(around(index, 0, 9)).toEqual([NONE, NONE, NONE, NONE, 0, 1, NONE, 3, 4]);
    expect(around(index, 4, 9)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(index[4 * 10]).toBe(4);
  });

  it('of stride 2 has every second row of every second line', () => {
    const index = convolutionIndex(4, 2);
    expect(index.length).toBe(4 * 10);
    expect(around(index, 3, 9)).toEqual([5, 6, 7, 9, 10, 11, 13, 14, 15]);
  });

  it('of an enlarged map sums four rows with weights that sum to one, and to nothing beyond the edges', () => {
    const { index, weights } = resizedConvolution(2, 4, 2);
    expect(index.length).toBe(4 * 37);
    // The last output is around line 2 and column 2 of the enlarged map, which lies at 0.75 of the map's.
    const [sources, own] = [around(index, 3, 36), weights.subarray(3 * 36)];
    expect(sources.slice(16, 20)).toEqual([0, 1, 2, 3]);
    expect([...own.subarray(16, 20)]).toEqual([0.0625, 0.1875, 0.1875, 0.5625]);
    expect(around(index, 0, 36).slice(0, 4)).toEqual([NONE, NONE, NONE, NONE]);
    expect([...weights.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  });

  it('of a map that keeps its size is the plain one', () => {
    const { index, weights } = resizedConvolution(4, 4, 2);
    const plain = convolutionIndex(4, 2);
    for (let row = 0; row < 4; row++) {
      const firsts = around(index, row, 36).filter((_, i) => i % 4 === 0);
      expect(firsts).toEqual(around(plain, row, 9));
      const ofFirsts = [...weights.subarray(row * 36, (row + 1) * 36)].filter((_, i) => i % 4 === 0);
      expect(ofFirsts).toEqual(around(plain, row, 9).map((source) => (source === NONE ? 0 : 1)));
    }
  });
});
