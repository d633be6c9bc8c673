// Stacks of matrices, cut for small buffers and found again.
import { expect, it } from 'vitest';
import { cutStack, partsOf } from './weight-parts.js';
import { type MatrixSpec, wholeTensor } from './weights.js';

const ROWS = 8;
const stack: MatrixSpec = {
  kind: 'matrix',
  name: 'experts',
  numRows: 5 * ROWS,
  numCols: 32,
  pieces: Array.from({ length: 5 }, (_, part) => wholeTensor(`part.${part}`, ROWS - 1, part * ROWS)),
  group: 'decoder',
  numParts: 5,
};

const tensorsOf = (specs: readonly MatrixSpec[]) =>
  specs.map(({ pieces }) => pieces.map(({ tensor, dst }) => `${tensor} at ${dst}`));

it('stays whole where it fits', () => {
  expect(cutStack(stack, 500, 500)).toEqual([stack]);
  expect(cutStack({ ...stack, numParts: 1 }, 500, 100)).toHaveLength(1);
});

it('is cut between its matrices', () => {
  expect(tensorsOf(cutStack(stack, 500, 299))).toEqual([
    ['part.0 at 0', 'part.1 at 8'],
    ['part.2 at 0', 'part.3 at 8'],
    ['part.4 at 0'],
  ]);
  // One that does not fit alone is left for the check of buffers to refuse.
  expect(cutStack(stack, 500, 99)).toHaveLength(5);
});

it('is found whole or in parts', () => {
  const found = (specs: readonly MatrixSpec[]) =>
    partsOf(new Map(specs.map((spec) => [spec.name, spec])), 'experts', 5).map(({ first, count }) => [first, count]);
  expect(found([stack])).toEqual([[0, 5]]);
  expect(found(cutStack(stack, 500, 299))).toEqual([
    [0, 2],
    [2, 2],
    [4, 1],
  ]);
});
