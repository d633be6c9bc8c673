// gather-rows against its reference: every use it was made for, on widths and strides that fit nothing.
import { describeParity } from '../../testing/parity.js';
import { type GatherRowsShape, gatherRows, NO_ROW } from './gather-rows.js';
import { gatherRowsReference } from './gather-rows.reference.js';

const NUM_SOURCE_ROWS = 11;
/** More than any shape writes, so that some rows must stay as they are. */
const NUM_DESTINATION_ROWS = 9;

const shapes: readonly GatherRowsShape[] = [
  // Rows into the residual stream.
  { numRows: 7, width: 33, sourceStride: 64, destinationStride: 64 },
  // Position embedding; the destination's rows are wider than what is written.
  { numRows: 5, width: 5, sourceStride: 7, destinationStride: 70, taps: 2 },
  // Pixel shuffle; the second one's rows end before the next multiple of 32.
  { numRows: 4, width: 9, sourceStride: 9, destinationStride: 64, groups: 4 },
  { numRows: 3, width: 8, sourceStride: 8, destinationStride: 75, groups: 9 },
  // Bilinear shrinking.
  { numRows: 6, width: 70, sourceStride: 96, destinationStride: 96, taps: 4, hasWeights: true },
  // Surroundings for a convolution, and for one of an enlarged grid.
  { numRows: 4, width: 7, sourceStride: 32, destinationStride: 64, groups: 9, isInterleaved: true },
  {
    ...{ numRows: 3, width: 6, sourceStride: 32, destinationStride: 64, groups: 9, taps: 4 },
    ...{ hasWeights: true, isInterleaved: true },
  },
  // Everything at once.
  { numRows: 2, width: 3, sourceStride: 5, destinationStride: 53, groups: 16, taps: 3, hasWeights: true },
];

describeParity<GatherRowsShape>({
  kernel: gatherRows,
  shapes,
  makeCase(shape, _variant, random) {
    const { numRows, sourceStride, destinationStride, groups = 1, taps = 1, hasWeights } = shape;
    const source = random.normals(NUM_SOURCE_ROWS * sourceStride);
    const index = new Uint32Array(numRows * (1 + groups * taps));
    for (let row = 0; row < numRows; row++) {
      const entries = Array.from({ length: groups * taps }, () => random.int(NUM_SOURCE_ROWS));
      if (row % 2 === 1) entries[random.int(entries.length)] = NO_ROW;
      index.set([(row * 4 + 1) % NUM_DESTINATION_ROWS, ...entries], row * (1 + groups * taps));
    }
    const weights = random.normals(numRows * groups * taps);
    const destination = random.normals(NUM_DESTINATION_ROWS * destinationStride);
    return {
      shape,
      buffers: { source, index, destination, ...(hasWeights ? { weights } : {}) },
      expected: { destination: gatherRowsReference(shape, source, index, weights, destination) },
    };
  },
  // Copies are exact.
  tolerance: (_variant, { taps = 1 }) => (taps === 1 ? 0 : 1e-6),
  accepts: ({ flags }, { hasWeights = false }) => flags['weighted'] === hasWeights,
});
