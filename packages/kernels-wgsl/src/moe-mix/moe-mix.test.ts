// moe-mix against its reference, with and without sorted outputs and a shared expert.
import { describeParity } from '../../testing/parity.js';
import { type MoeMixShape, moeMix } from './moe-mix.js';
import { moeMixReference } from './moe-mix.reference.js';

const NUM_PLACES = 40;

const sizes: readonly Omit<MoeMixShape, 'isSorted' | 'hasShared'>[] = [
  { numRows: 3, stride: 32, numChosen: 2 },
  { numRows: 5, firstRow: 2, stride: 288, numChosen: 8 },
  { numRows: 1, stride: 64, numChosen: 1 },
];

describeParity<MoeMixShape>({
  kernel: moeMix,
  shapes: [false, true].flatMap((isSorted) =>
    [false, true].flatMap((hasShared) => sizes.map((size) => ({ ...size, isSorted, hasShared }))),
  ),
  accepts: ({ flags }, { isSorted, hasShared }) => flags['sorted'] === isSorted && flags['shared'] === hasShared,
  makeCase(shape, _variant, random) {
    const { numRows, firstRow = 0, stride, numChosen } = shape;
    const buffers = {
      outputs: random.normals(NUM_PLACES * stride),
      shares: random.normals(numRows * (numChosen + 1)),
      places: Uint32Array.from({ length: numRows * numChosen }, () => random.int(NUM_PLACES)),
      shared_outputs: random.normals((firstRow + numRows) * stride),
      residual: random.normals((firstRow + numRows + 1) * stride),
    };
    return { shape, buffers, expected: { residual: moeMixReference(shape, buffers) } };
  },
  tolerance: () => 1e-6,
});
