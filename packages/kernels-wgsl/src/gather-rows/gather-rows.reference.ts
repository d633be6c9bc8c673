// f64 reference of gather-rows.
import { type GatherRowsShape, NO_ROW } from './gather-rows.js';

/**
 * Returns the destination, which keeps what `before` holds where nothing is written.
 * @param weights one per tap; ignored if the shape has none
 */
export function gatherRowsReference(
  shape: GatherRowsShape,
  source: Float32Array,
  index: Uint32Array,
  weights: Float32Array,
  before: Float32Array,
): Float64Array {
  const { numRows, width, sourceStride, destinationStride, groups = 1, taps = 1, hasWeights, isInterleaved } = shape;
  const destination = Float64Array.from(before);
  for (let row = 0; row < numRows; row++) {
    const entries = index.subarray(row * (1 + groups * taps));
    const written = new Float64Array(Math.min(Math.ceil((groups * width) / 32) * 32, destinationStride));
    for (let tap = 0; tap < groups * taps; tap++) {
      const from = entries[1 + tap] ?? NO_ROW;
      if (from === NO_ROW) continue;
      const weight = hasWeights ? (weights[row * groups * taps + tap] ?? 0) : 1;
      for (let i = 0; i < width; i++) {
        const group = Math.floor(tap / taps);
        const at = isInterleaved ? i * groups + group : group * width + i;
        written[at] = (written[at] ?? 0) + weight * (source[from * sourceStride + i] ?? 0);
      }
    }
    destination.set(written, (entries[0] ?? 0) * destinationStride);
  }
  return destination;
}
