// relative-scores against its f64 reference.
import { describeParity } from '../../testing/parity.js';
import { type RelativeScoresShape, relativeScores } from './relative-scores.js';
import { relativeScoresReference } from './relative-scores.reference.js';

/** [numRows, numHeads, headDim, side]: squares of one row, several squares, and more numbers than lanes. */
const sizes = [
  [2, 1, 4, 1],
  [18, 3, 20, 3],
  [49, 12, 64, 7],
] as const;

describeParity<RelativeScoresShape>({
  kernel: relativeScores,
  shapes: sizes.map(([numRows, numHeads, headDim, side]) => ({
    ...{ numRows, numHeads, headDim, side },
    qkvStride: Math.ceil((3 * numHeads * headDim) / 32) * 32,
  })),
  makeCase(shape, _variant, random) {
    const { numRows, numHeads, headDim, side, qkvStride } = shape;
    const qkv = random.normals(numRows * qkvStride);
    const distances = random.normals(2 * (2 * side - 1) * headDim);
    const relative = new Float32Array(numRows * numHeads * 2 * side);
    const expected = { relative: relativeScoresReference(shape, qkv, distances) };
    return { shape, buffers: { qkv, distances, relative }, expected };
  },
  tolerance: () => 1e-5,
});
