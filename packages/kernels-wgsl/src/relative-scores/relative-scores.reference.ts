// f64 reference of relative-scores.
import type { RelativeScoresShape } from './relative-scores.js';

/** Returns relative `[numRows, numHeads, 2 * side]`. */
export function relativeScoresReference(
  { numRows, numHeads, headDim, side, qkvStride }: RelativeScoresShape,
  qkv: Float32Array,
  distances: Float32Array,
): Float64Array {
  const relative = new Float64Array(numRows * numHeads * 2 * side);
  const product = (row: number, head: number, table: number, distance: number): number => {
    const at = (table * (2 * side - 1) + distance + side - 1) * headDim;
    let sum = 0;
    for (let d = 0; d < headDim; d++) {
      sum += (qkv[row * qkvStride + head * headDim + d] ?? 0) * (distances[at + d] ?? 0);
    }
    return sum;
  };
  for (let row = 0; row < numRows; row++) {
    const [line, column] = [Math.floor((row % side ** 2) / side), row % side];
    for (let head = 0; head < numHeads; head++) {
      for (let other = 0; other < side; other++) {
        const at = (row * numHeads + head) * 2 * side + other;
        relative[at] = product(row, head, 0, line - other);
        relative[at + side] = product(row, head, 1, column - other);
      }
    }
  }
  return relative;
}
