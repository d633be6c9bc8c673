// GPTQ: columns are quantised one after the other, and what a column loses is made up for by those that follow, as the inputs'
// second moments say. f64 throughout. The inputs come in as sums of products.

import { codeOf, type Grid, type GridOptions, gridOf } from '../awq/quantize.js';
import { f16ToF32, f32ToF16 } from '../half.js';
import type { Matrix, QuantizedMatrix } from '../matrix.js';

/** How a matrix is quantised. */
export interface GptqOptions extends GridOptions {
  /** Share of the Hessian's mean diagonal that is added to it. Default 0.01. */
  readonly damping?: number;
}

/**
 * Quantises a matrix in the order of its columns, which divide into groups; a group's grid is made of its weights as they are
 * when its first column comes.
 * @param products inputs times inputs, summed over tokens: symmetric, `[numCols, numCols]`
 */
export function quantizeGptq(matrix: Matrix, products: Float64Array, options: GptqOptions): QuantizedMatrix {
  const { numRows, numCols } = matrix;
  const { bits, groupSize, damping = 0.01 } = options;
  const numGroups = numCols / groupSize;
  const weights = Float64Array.from(matrix.values);
  const factor = inverseFactor(damped(products, numCols, damping, weights), numCols);
  const codes = new Uint8Array(numRows * numCols);
  const scales = new Uint16Array(numRows * numGroups);
  const zeros = new Uint8Array(numRows * numGroups);
  // Rows do not touch each other: one at a time stays in the cache.
  for (let row = 0; row < numRows; row++) {
    const line = weights.subarray(row * numCols, (row + 1) * numCols);
    let grid: Grid = { scale: 1, zero: 0 };
    for (let column = 0; column < numCols; column++) {
      if (column % groupSize === 0) {
        const rest = line.subarray(column, column + groupSize);
        const { scale, zero } = gridOf(Math.fround(Math.min(...rest)), Math.fround(Math.max(...rest)), options);
        const group = row * numGroups + column / groupSize;
        const half = f32ToF16(scale);
        scales[group] = half;
        zeros[group] = zero;
        grid = { scale: f16ToF32(half), zero }; // the scale that readers have
      }
      const code = codeOf(Math.fround(line[column] as number), grid, bits);
      codes[row * numCols + column] = code;
      const lost = (line[column] as number) - (code - grid.zero) * grid.scale;
      const at = column * numCols;
      const share = lost / (factor[at + column] as number);
      for (let next = column + 1; next < numCols; next++) {
        line[next] = (line[next] as number) - share * (factor[at + next] as number);
      }
    }
  }
  return { numRows, numCols, bits, groupSize, codes, scales, zeros };
}

/** The Hessian with its diagonal raised. A column that no input uses counts for nothing: its weights become 0, in place. */
function damped(products: Float64Array, size: number, damping: number, weights: Float64Array): Float64Array {
  const hessian = Float64Array.from(products);
  let mean = 0;
  for (let i = 0; i < size; i++) {
    const at = i * size + i;
    if (hessian[at] === 0) {
      hessian[at] = 1;
      for (let j = i; j < weights.length; j += size) weights[j] = 0;
    }
    mean += (hessian[at] as number) / size;
  }
  for (let i = 0; i < size; i++) hessian[i * size + i] = (hessian[i * size + i] as number) + damping * mean;
  return hessian;
}

/** The upper factor U of the inverse: H⁻¹ = Uᵀ U. */
function inverseFactor(hessian: Float64Array, size: number): Float64Array {
  // With H = R Rᵀ for an upper R, U = R⁻¹. R comes from the last column to the first.
  const r = new Float64Array(size * size);
  for (let j = size - 1; j >= 0; j--) {
    for (let i = j; i >= 0; i--) {
      let sum = hessian[i * size + j] as number;
      for (let k = j + 1; k < size; k++) sum -= (r[i * size + k] as number) * (r[j * size + k] as number);
      r[i * size + j] = i === j ? Math.sqrt(sum) : sum / (r[j * size + j] as number);
    }
  }
  const inverse = new Float64Array(size * size);
  for (let i = size - 1; i >= 0; i--) {
    const diagonal = 1 / (r[i * size + i] as number);
    inverse[i * size + i] = diagonal;
    for (let k = i + 1; k < size; k++) {
      const share = diagonal * (r[i * size + k] as number);
      for (let j = k; j < size; j++) {
        inverse[i * size + j] = (inverse[i * size + j] as number) - share * (inverse[k * size + j] as number);
      }
    }
  }
  return inverse;
}
