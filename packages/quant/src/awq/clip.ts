// Searching the range that a group of weights is cut to before it is quantised: losing an outlier may cost less than the
// coarser steps that it asks for. AutoAWQ's search: the error is that of the group's part of the output.
import type { Matrix } from '../matrix.js';
import { codeOf, type GridOptions, gridOf, rangeOf } from './quantize.js';

/** Ranges that are tried: shorter by i / 20, up to half. */
const [NUM_STEPS, STEP] = [10, 1 / 20];

/**
 * The best range of every group, `[numRows, numGroups, 2]` (least, greatest).
 * @param products inputs times inputs, summed over tokens, `[numGroups, groupSize, groupSize]`
 */
export function searchRanges(
  { values, numRows, numCols }: Matrix,
  products: readonly Float32Array[],
  options: GridOptions,
): Float32Array<ArrayBuffer> {
  const { bits, groupSize } = options;
  const numGroups = numCols / groupSize;
  const ranges = new Float32Array(numRows * numGroups * 2);
  const errors = new Float64Array(groupSize);
  for (let group = 0; group < numRows * numGroups; group++) {
    const start = group * groupSize;
    const product = products[group % numGroups] as Float32Array;
    const [min, max] = rangeOf(values, start, groupSize);
    let best = Number.POSITIVE_INFINITY;
    for (let step = 0; step < NUM_STEPS; step++) {
      const range = [Math.fround(min * (1 - step * STEP)), Math.fround(max * (1 - step * STEP))] as const;
      const grid = gridOf(...range, options);
      for (let i = 0; i < groupSize; i++) {
        const value = values[start + i] as number;
        errors[i] = (codeOf(value, grid, bits) - grid.zero) * grid.scale - value;
      }
      const loss = quadraticForm(errors, product);
      if (loss >= best) continue;
      best = loss;
      ranges.set(range, group * 2);
    }
  }
  return ranges;
}

/** eᵀ P e of a symmetric P. */
function quadraticForm(errors: Float64Array, product: Float32Array): number {
  const size = errors.length;
  let total = 0;
  for (let i = 0; i < size; i++) {
    let sum = 0.5 * (product[i * size + i] as number) * (errors[i] as number);
    for (let j = 0; j < i; j++) sum += (product[i * size + j] as number) * (errors[j] as number);
    total += 2 * (errors[i] as number) * sum;
  }
  return total;
}
