// f64 reference of attention-reduce.
import type { AttentionReduceShape } from './attention-reduce.js';

/** Merges the first `numSplits[row]` splits of every row into `out` `[numRows, outStride]`. */
export function attentionReduceReference(
  shape: AttentionReduceShape,
  partials: ArrayLike<number>,
  numSplits: readonly number[],
  out: Float64Array,
): void {
  const { numRows, numQueryHeads, headDim } = shape;
  for (let row = 0; row < numRows; row++) {
    for (let h = 0; h < numQueryHeads; h++) {
      const entries = Array.from(
        { length: numSplits[row] ?? 0 },
        (_, split) => ((split * numRows + row) * numQueryHeads + h) * (headDim + 4),
      );
      const top = Math.max(...entries.map((at) => partials[at] ?? 0));
      const weights = entries.map((at) => (partials[at + 1] ?? 0) * Math.exp((partials[at] ?? 0) - top));
      const sum = weights.reduce((a, b) => a + b, 0);
      for (let d = 0; d < headDim; d++) {
        const total = entries.reduce((acc, at, i) => acc + (weights[i] ?? 0) * (partials[at + 4 + d] ?? 0), 0);
        out[row * shape.outStride + h * headDim + d] = total / sum;
      }
    }
  }
}
