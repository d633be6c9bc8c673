// turn-heads against its f64 reference.
import { describeParity } from '../../testing/parity.js';
import { type TurnHeadsShape, turnHeads } from './turn-heads.js';
import { turnHeadsReference } from './turn-heads.reference.js';

/** [numRows, numHeads, headDim]: fewer pairs than lanes, as many, more, and heads of odd halves. */
const sizes = [
  [1, 1, 2],
  [3, 2, 6],
  [2, 2, 8],
  [5, 3, 20],
  [2, 4, 80],
] as const;

describeParity<TurnHeadsShape>({
  kernel: turnHeads,
  shapes: sizes.map(([numRows, numHeads, headDim]) => ({
    numRows,
    numHeads,
    headDim,
    qkvStride: Math.ceil((3 * numHeads * headDim) / 32) * 32,
  })),
  makeCase(shape, _variant, random) {
    const { numRows, headDim, qkvStride } = shape;
    const qkv = random.normals(numRows * qkvStride);
    const turns = random.normals(numRows * headDim);
    return { shape, buffers: { qkv, turns }, expected: { qkv: turnHeadsReference(shape, qkv, turns) } };
  },
  tolerance: () => 1e-6,
});
