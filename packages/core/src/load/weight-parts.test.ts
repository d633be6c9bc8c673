// Matrices, cut for small buffers and found again.
import { describe, expect, it } from 'vitest';
import { cutMatrix, partsOf } from './weight-parts.js';
import { type MatrixSpec, type WeightPiece, wholeTensor } from './weights.js';

const ROWS = 8;
const stack: MatrixSpec = {
  kind: 'matrix',
  name: 'experts',
  numRows: 5 * ROWS,
  numCols: 32,
  pieces: Array.from({ length: 5 }, (_, part) => wholeTensor(`part.${part}`, ROWS - 1, part * ROWS)),
  group: 'decoder',
  unitRows: ROWS,
};

const table: MatrixSpec = {
  ...stack,
  name: 'embedding',
  numRows: 330,
  pieces: [wholeTensor('embed', 330)],
  group: 'embedding',
  unitRows: 64,
};

const tensorsOf = (specs: readonly MatrixSpec[]) =>
  specs.map(({ pieces }) => pieces.map(({ tensor, dst }) => `${tensor} at ${dst}`));

/** What goes to every row of a matrix. */
function rowsOf({ numRows, pieces }: MatrixSpec): string[] {
  const rows = Array.from({ length: numRows }, () => 'zeros');
  const put = ({ tensor, firstRow, numRows: count, dst, block, stride }: WeightPiece): void => {
    for (let i = 0; i < count; i++) {
      const row = dst + Math.floor(i / block) * stride + (i % block);
      expect(rows[row]).toBe('zeros');
      rows[row] = `${tensor} ${firstRow + i}`;
    }
  };
  pieces.forEach(put);
  return rows;
}

describe('a matrix', () => {
  it('stays whole where it fits, or where it may not be cut', () => {
    expect(cutMatrix(stack, 500, 500)).toEqual([stack]);
    const { unitRows: _, ...uncut } = stack;
    expect(cutMatrix(uncut, 500, 100)).toEqual([uncut]);
  });

  it('of several is cut between them', () => {
    expect(tensorsOf(cutMatrix(stack, 500, 299))).toEqual([
      ['part.0 at 0', 'part.1 at 8'],
      ['part.2 at 0', 'part.3 at 8'],
      ['part.4 at 0'],
    ]);
    // One that does not fit alone is left for the check of buffers to refuse.
    expect(cutMatrix(stack, 500, 99)).toHaveLength(5);
  });

  it.each([
    // 332 rows with padding have a byte each: two parts of 192 and 138 rows, not of 256 and 74.
    [300, [192, 138]],
    [191, [128, 128, 74]],
    [64, [64, 64, 64, 64, 64, 10]],
    [10, [64, 64, 64, 64, 64, 10]],
  ])('of 332 bytes is cut into parts alike that have at most %i', (maxBytes, numRows) => {
    const parts = cutMatrix(table, 332, maxBytes);
    expect(parts.map((part) => part.numRows)).toEqual(numRows);
    expect(parts.map(({ name }) => name)).toEqual(numRows.map((_, index) => `embedding.${index}`));
    expect(parts.flatMap(rowsOf)).toEqual(rowsOf(table));
  });

  it('keeps its rows where pieces alternate, begin in the middle and leave gaps', () => {
    const alternating = { block: 4, stride: 8, numRows: 70, firstRow: 5 };
    const pieces = [
      { ...wholeTensor('gate', 70), ...alternating },
      { ...wholeTensor('up', 70, 4), ...alternating },
      { ...wholeTensor('rest', 90, 200), firstRow: 7 },
    ];
    const mixed = { ...table, pieces, unitRows: 8 };
    for (const maxBytes of [8, 48, 100, 204]) {
      const parts = cutMatrix(mixed, 332, maxBytes);
      expect(parts.length).toBeGreaterThan(1);
      expect(parts.flatMap(rowsOf)).toEqual(rowsOf(mixed));
    }
  });

  it('is found whole or in parts', () => {
    const found = (specs: readonly MatrixSpec[], name: string, numUnits: number) =>
      partsOf(new Map(specs.map((spec) => [spec.name, spec])), name, numUnits).map(({ first, count }) => [
        first,
        count,
      ]);
    expect(found([stack], 'experts', 5)).toEqual([[0, 5]]);
    expect(found(cutMatrix(stack, 500, 299), 'experts', 5)).toEqual([
      [0, 2],
      [2, 2],
      [4, 1],
    ]);
    expect(found(cutMatrix(table, 332, 300), 'embedding', 330)).toEqual([
      [0, 192],
      [192, 138],
    ]);
    expect(found([stack], 'embedding', 330)).toEqual([]);
  });
});
