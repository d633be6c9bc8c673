// AWQ's smoothing, as LMDeploy has it: columns that see large activations get more of the grid, and what comes before them is
// divided by as much. Pure math; what comes before a linear is the caller's business.
import type { Matrix } from '../matrix.js';

/** Candidates of a search: i / 20. */
export const NUM_RATIOS = 20;

/** Share of the activations where nothing is searched. */
export const DEFAULT_RATIO = 0.5;

const LEAST = 1e-4;

/**
 * How large the weights of every column are, seen against their groups: the mean over the rows of |w| over the largest |w| of
 * its group of columns. Of several matrices: as if their rows were one matrix's.
 */
export function weightTerms(matrices: readonly Matrix[], groupSize: number): Float64Array {
  const numCols = matrices[0]?.numCols ?? 0;
  const sums = new Float64Array(numCols);
  let totalRows = 0;
  for (const { values, numRows } of matrices) {
    totalRows += numRows;
    for (let start = 0; start < values.length; start += groupSize) {
      let largest = 0;
      for (let i = start; i < start + groupSize; i++) largest = Math.max(largest, Math.abs(values[i] as number));
      if (largest === 0) continue; // nothing in it is large or small
      for (let i = start; i < start + groupSize; i++) {
        const column = i % numCols;
        sums[column] = (sums[column] as number) + Math.abs(values[i] as number) / largest;
      }
    }
  }
  return sums.map((sum) => sum / totalRows);
}

/**
 * What each column is multiplied by: `activation^ratio / weight^(1 - ratio)`, at least 1e-4, around 1.
 * @param isKept columns whose scale stays 1, and does not count
 */
export function smoothingScales(
  activations: ArrayLike<number>,
  weights: ArrayLike<number>,
  ratio: number,
  isKept: (column: number) => boolean = () => false,
): Float32Array<ArrayBuffer> {
  const scales = new Float32Array(activations.length).fill(1);
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (let column = 0; column < scales.length; column++) {
    if (isKept(column)) continue;
    const weight = Math.max(weights[column] as number, LEAST); // a column of zeros has no say
    const scale = Math.max((activations[column] as number) ** ratio / weight ** (1 - ratio), LEAST);
    scales[column] = scale;
    least = Math.min(least, scale);
    most = Math.max(most, scale);
  }
  const middle = Math.sqrt(least * most);
  return scales.map((scale, column) => (isKept(column) ? 1 : scale / middle));
}

/** Multiplies the columns of a matrix, in place. */
export function scaleColumns({ values, numCols }: Matrix, scales: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * (scales[i % numCols] as number);
}

/** Divides rows from `first` on, one for every scale, in place. A vector is a matrix of one column. */
export function divideRows({ values, numCols }: Matrix, scales: Float32Array, first = 0): void {
  for (let i = 0; i < scales.length * numCols; i++) {
    const at = first * numCols + i;
    values[at] = (values[at] as number) / (scales[Math.floor(i / numCols)] as number);
  }
}
