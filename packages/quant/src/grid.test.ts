// The layouts of checkpoints on matrices small enough to read.
import { describe, expect, it } from 'vitest';
import { type GridLayout, gridNumber, writeGrid } from './grid.js';

const plain: GridLayout = { bits: 4, isTransposed: false, isAcross: false, isInterleaved: false, pitch: 8 };
const rowOf = (layout: GridLayout, words: number[], row: number, count: number): number[] =>
  Array.from({ length: count }, (_, column) => gridNumber(Uint32Array.from(words), layout, row, column));

describe('gridNumber', () => {
  it('reads numbers beside each other, lowest bits first', () => {
    expect(rowOf(plain, [0x76543210, 0xfedcba98], 1, 8)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect(rowOf({ ...plain, bits: 8, pitch: 4 }, [0, 0x04030201], 1, 4)).toEqual([1, 2, 3, 4]);
  });

  it('reads halves from lines that begin inside a word, and whole words', () => {
    expect(rowOf({ ...plain, bits: 16, pitch: 3 }, [0x10000, 0x30002, 0x50004], 1, 3)).toEqual([3, 4, 5]);
    expect(rowOf({ ...plain, bits: 32, pitch: 2 }, [1, 2, 0xffffffff, 4], 1, 2)).toEqual([0xffffffff, 4]);
  });

  it("knows AWQ's order, along the rows of a transposed matrix", () => {
    const layout = { ...plain, isTransposed: true, isInterleaved: true };
    // Column 1 is the second word; nibbles hold rows 0, 2, 4, 6, 1, 3, 5, 7.
    const words = Uint32Array.of(0, 0x75316420);
    expect(Array.from({ length: 8 }, (_, row) => gridNumber(words, layout, row, 1))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("knows GPTQ's words, which hold neighbouring columns of one row", () => {
    const layout = { ...plain, isTransposed: true, isAcross: true, pitch: 2 };
    // [columns / 8, 2 rows]
    const words = [0x76543210, 0xfedcba98, 0x11111111, 0x22222222];
    expect(rowOf(layout, words, 1, 9)).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 2]);
  });

  it('knows words that hold neighbouring rows of one column', () => {
    const layout = { ...plain, isAcross: true, pitch: 2 };
    expect(rowOf(layout, [0x76543210, 0xfedcba98], 3, 2)).toEqual([3, 11]);
  });
});

it.each([
  ['beside each other', {}],
  ["in AWQ's order", { isTransposed: true, isInterleaved: true }],
  ["in GPTQ's words", { isTransposed: true, isAcross: true }],
  ['across rows', { isAcross: true }],
] as const)('writeGrid puts numbers %s where gridNumber finds them', (_, changes) => {
  const [numRows, numCols] = [8, 16];
  const pitch = 'isTransposed' in changes ? numRows : numCols;
  const layout = { ...plain, pitch, ...changes };
  const numberAt = (row: number, column: number): number => (row * 5 + column * 3) % 16;
  const words = writeGrid(layout, numRows, numCols, numberAt);
  expect(words).toHaveLength((numRows * numCols) / 8);
  for (let row = 0; row < numRows; row++) {
    for (let column = 0; column < numCols; column++) {
      expect(gridNumber(words, layout, row, column)).toBe(numberAt(row, column));
    }
  }
});
