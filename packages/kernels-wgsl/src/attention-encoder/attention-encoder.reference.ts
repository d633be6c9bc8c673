// f64 reference of attention-encoder, and how its tests cut spans of rows into tiles.
import type { AttentionEncoderShape } from './attention-encoder.js';

/** Rows that attend to rows: a picture or a window to itself, or a part of either. */
export interface EncoderSpan {
  readonly firstRow: number;
  readonly numRows: number;
  readonly firstKey: number;
  readonly numKeys: number;
}

/** `tiles` binding: every span cut to at most `tileRows`, then empty tiles up to the shape's number. */
export function packEncoderTiles(
  { numTiles }: AttentionEncoderShape,
  spans: readonly EncoderSpan[],
  tileRows: number,
): Uint32Array {
  const tiles: number[] = [];
  for (const { firstRow, numRows, firstKey, numKeys } of spans) {
    for (let i = 0; i < numRows; i += tileRows) {
      tiles.push(firstRow + i, Math.min(tileRows, numRows - i), firstKey, numKeys);
    }
  }
  return Uint32Array.from({ length: 4 * numTiles }, (_, i) => tiles[i] ?? 0);
}

/**
 * Returns out `[numRows, outStride]`, which keeps what `before` holds in padding and in rows of no span.
 * @param relative `[numRows, numHeads, 2 * relativeSide]`; ignored if the shape has no such side
 */
export function attentionEncoderReference(
  shape: AttentionEncoderShape,
  spans: readonly EncoderSpan[],
  qkv: Float32Array,
  relative: Float32Array,
  before: Float32Array,
): Float64Array {
  const { numHeads, headDim, scale, qkvStride, outStride, relativeSide: side } = shape;
  const out = Float64Array.from(before);
  /** Part 0 is q, 1 is k, 2 is v. */
  const at = (row: number, part: number, head: number, d: number): number =>
    qkv[row * qkvStride + (part * numHeads + head) * headDim + d] ?? 0;
  const distance = (row: number, head: number, key: number): number => {
    if (side === undefined) return 0;
    const own = relative.subarray((row * numHeads + head) * 2 * side);
    return (own[Math.floor(key / side)] ?? 0) + (own[side + (key % side)] ?? 0);
  };
  for (const { firstRow, numRows, firstKey, numKeys } of spans) {
    for (let row = firstRow; row < firstRow + numRows; row++) {
      for (let head = 0; head < numHeads; head++) {
        const scores = Array.from({ length: numKeys }, (_, key) => {
          let score = 0;
          for (let d = 0; d < headDim; d++) score += at(row, 0, head, d) * at(firstKey + key, 1, head, d);
          return score * scale + distance(row, head, key);
        });
        const top = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - top));
        const sum = weights.reduce((total, weight) => total + weight, 0);
        for (let d = 0; d < headDim; d++) {
          const value = weights.reduce((total, weight, key) => total + weight * at(firstKey + key, 2, head, d), 0);
          out[row * outStride + head * headDim + d] = value / sum;
        }
      }
    }
  }
  return out;
}
