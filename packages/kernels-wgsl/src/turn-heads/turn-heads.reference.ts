// f64 reference of turn-heads.
import type { TurnHeadsShape } from './turn-heads.js';

/** Returns qkv `[numRows, qkvStride]` with the heads of q and k turned; everything else is as before. */
export function turnHeadsReference(
  { numRows, numHeads, headDim, qkvStride }: TurnHeadsShape,
  qkv: Float32Array,
  turns: Float32Array,
): Float64Array {
  const turned = Float64Array.from(qkv);
  const pairs = headDim / 2;
  for (let row = 0; row < numRows; row++) {
    for (let head = 0; head < 2 * numHeads; head++) {
      for (let pair = 0; pair < pairs; pair++) {
        const at = row * qkvStride + head * headDim + pair;
        const [a, b] = [qkv[at] ?? 0, qkv[at + pairs] ?? 0];
        const [cos, sin] = [turns[2 * (row * pairs + pair)] ?? 0, turns[2 * (row * pairs + pair) + 1] ?? 0];
        turned[at] = a * cos - b * sin;
        turned[at + pairs] = b * cos + a * sin;
      }
    }
  }
  return turned;
}
