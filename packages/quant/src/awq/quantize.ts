// Round-to-nearest on LMDeploy's grid, in its order of f32 operations, so that codes agree with what it writes. The grid of
// quantising while loading is formats/quantize.ts.
import { f16ToF32, f32ToF16 } from '../half.js';
import type { Matrix, QuantizedMatrix } from '../matrix.js';

const { fround } = Math;

/** Spans are at least this, so that a group of equal weights has a scale. */
const MIN_SPAN = fround(1e-5);

/** How a group of weights is cut into steps: `w` is about `(code - zero) * scale`. */
export interface Grid {
  readonly scale: number;
  readonly zero: number;
}

/** What a grid is made for. */
export interface GridOptions {
  readonly bits: 4 | 8;
  readonly groupSize: number;
  /** Steps lie around 0, and the zero point is the middle code. */
  readonly isSymmetric: boolean;
}

/** The integer nearest to `value`, ties to even. */
export function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** The grid of weights between `min` and `max`. */
export function gridOf(
  min: number,
  max: number,
  { bits, isSymmetric }: Pick<GridOptions, 'bits' | 'isSymmetric'>,
): Grid {
  const last = 2 ** bits - 1;
  if (isSymmetric) {
    const reach = Math.max(Math.abs(min), Math.abs(max), MIN_SPAN / 2);
    return { scale: fround(reach / (2 ** (bits - 1) - 1)), zero: 2 ** (bits - 1) };
  }
  const scale = fround(Math.max(fround(max - min), MIN_SPAN) / last);
  return { scale, zero: Math.min(Math.max(-roundEven(fround(min / scale)), 0), last) };
}

/** The code of a weight. */
export function codeOf(value: number, { scale, zero }: Grid, bits: number): number {
  return Math.min(Math.max(roundEven(fround(value / scale)) + zero, 0), 2 ** bits - 1);
}

/** Least and greatest of `values` from `start` on. */
export function rangeOf(values: Float32Array, start: number, length: number): readonly [min: number, max: number] {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = start; i < start + length; i++) {
    const value = values[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}

/**
 * Quantises a matrix; its columns divide into groups.
 * @param ranges least and greatest weight of every group, `[numRows, numGroups, 2]`, where they were searched
 */
export function quantizeMatrix(
  { values, numRows, numCols }: Matrix,
  options: GridOptions,
  ranges?: Float32Array,
): QuantizedMatrix {
  const { bits, groupSize } = options;
  const numGroups = numCols / groupSize;
  const codes = new Uint8Array(numRows * numCols);
  const scales = new Uint16Array(numRows * numGroups);
  const zeros = new Uint8Array(numRows * numGroups);
  for (let group = 0; group < numRows * numGroups; group++) {
    const start = group * groupSize;
    const [min, max] = ranges
      ? [ranges[2 * group] as number, ranges[2 * group + 1] as number]
      : rangeOf(values, start, groupSize);
    const grid = gridOf(min, max, options);
    scales[group] = f32ToF16(grid.scale);
    zeros[group] = grid.zero;
    for (let i = start; i < start + groupSize; i++) codes[i] = codeOf(values[i] as number, grid, bits);
  }
  return { numRows, numCols, bits, groupSize, codes, scales, zeros };
}

/** The numbers that readers see. */
export function dequantizeMatrix({ numRows, numCols, groupSize, codes, scales, zeros }: QuantizedMatrix): Matrix {
  const values = new Float32Array(numRows * numCols);
  for (let i = 0; i < values.length; i++) {
    const group = Math.floor(i / groupSize);
    values[i] = ((codes[i] as number) - (zeros[group] as number)) * f16ToF32(scales[group] as number);
  }
  return { values, numRows, numCols };
}
