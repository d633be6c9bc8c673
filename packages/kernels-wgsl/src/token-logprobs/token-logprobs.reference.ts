// f64 reference of token-logprobs.
import type { TokenLogprobsShape } from './token-logprobs.js';

/** Returns logprobs `[numRows]`. */
export function tokenLogprobsReference(
  { numRows, vocab, stride }: TokenLogprobsShape,
  logits: Float32Array,
  targets: Uint32Array,
): Float64Array {
  return Float64Array.from({ length: numRows }, (_, row) => {
    const values = logits.subarray(row * stride, row * stride + vocab);
    const most = values.reduce((a, b) => Math.max(a, b));
    const sum = values.reduce((total, value) => total + Math.exp(value - most), 0);
    return (values[targets[row] ?? 0] ?? 0) - most - Math.log(sum);
  });
}
