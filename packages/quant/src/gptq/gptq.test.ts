// GPTQ against what it is for: less error of the outputs than rounding to nearest, on inputs that go together.
import { expect, it } from 'vitest';
import { dequantizeMatrix, quantizeMatrix } from '../awq/quantize.js';
import type { Matrix } from '../matrix.js';
import { quantizeGptq } from './gptq.js';

const [NUM_ROWS, NUM_COLS, NUM_TOKENS] = [8, 64, 300];
const GRID = { bits: 4, groupSize: 32, isSymmetric: false } as const;

const wave = (i: number): number => Math.sin(i * 12.9898) * Math.cos(i * 78.233);
const weights: Matrix = {
  values: Float32Array.from({ length: NUM_ROWS * NUM_COLS }, (_, i) => wave(i + 1)),
  numRows: NUM_ROWS,
  numCols: NUM_COLS,
};
/** Neighbouring columns see nearly the same. */
const inputs = Array.from({ length: NUM_TOKENS }, (_, token) =>
  Float64Array.from(
    { length: NUM_COLS },
    (_, column) => wave(token * 31 + (column >> 2)) + 0.2 * wave(token * 77 + column),
  ),
);

function productsOf(rows: readonly Float64Array[]): Float64Array {
  const sums = new Float64Array(NUM_COLS * NUM_COLS);
  for (const row of rows) {
    for (let i = 0; i < sums.length; i++) {
      sums[i] = (sums[i] ?? 0) + (row[Math.floor(i / NUM_COLS)] ?? 0) * (row[i % NUM_COLS] ?? 0);
    }
  }
  return sums;
}

function outputError({ values }: Matrix): number {
  let error = 0;
  for (const input of inputs) {
    for (let row = 0; row < NUM_ROWS; row++) {
      let difference = 0;
      for (let column = 0; column < NUM_COLS; column++) {
        const at = row * NUM_COLS + column;
        difference += ((values[at] ?? 0) - (weights.values[at] ?? 0)) * (input[column] ?? 0);
      }
      error += difference ** 2;
    }
  }
  return error;
}

it('loses less than half of what rounding to nearest loses', () => {
  const nearest = outputError(dequantizeMatrix(quantizeMatrix(weights, GRID)));
  const gptq = outputError(dequantizeMatrix(quantizeGptq(weights, productsOf(inputs), GRID)));
  expect(gptq).toBeLessThan(nearest / 2);
});

it('is rounding to nearest where inputs have nothing to do with each other', () => {
  const products = new Float64Array(NUM_COLS * NUM_COLS);
  for (let i = 0; i < NUM_COLS; i++) products[i * NUM_COLS + i] = 1 + i;
  const { codes, zeros } = quantizeMatrix(weights, GRID);
  const gptq = quantizeGptq(weights, products, GRID);
  expect(gptq.zeros).toEqual(zeros);
  const numOther = gptq.codes.filter((code, i) => code !== codes[i]).length;
  expect(numOther).toBeLessThanOrEqual(1); // the scale is rounded to f16 before the codes here
});

it('takes columns that no input uses for zeros', () => {
  const blind = inputs.map((row) => row.map((value, column) => (column === 5 ? 0 : value)));
  const { values } = dequantizeMatrix(quantizeGptq(weights, productsOf(blind), GRID));
  for (let row = 0; row < NUM_ROWS; row++) expect(Math.abs(values[row * NUM_COLS + 5] ?? 1)).toBeLessThan(0.1);
});
