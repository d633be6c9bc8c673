// Puts rows together from rows of another buffer, as a list says: position embeddings, pixel shuffle, shrinking a grid
// of features, surroundings for a convolution, rows of a picture among those of the text. Which rows these are is the caller's business.
import { defineKernel, type Kernel, type Variant } from '../kernel.js';
import source from './gather-rows.wgsl';

/** Entry of the list that stands for no row: it adds nothing. */
export const NO_ROW = 0xffffffff;

/** What the rows look like; which they are stands in the list. */
export interface GatherRowsShape {
  /** Rows that are written, at most 65,535. */
  readonly numRows: number;
  /** Elements of a source row. */
  readonly width: number;
  /** Elements between rows of the source. */
  readonly sourceStride: number;
  /** Elements between rows of the destination. */
  readonly destinationStride: number;
  /** Source rows side by side in a written row: 1 by default. */
  readonly groups?: number;
  /** The groups lie element by element: the first of each, the second of each, as a convolution's weights do. */
  readonly isInterleaved?: boolean;
  /** Source rows added up: 1 by default. */
  readonly taps?: number;
  /** Whether every source row has a weight; else they count 1. */
  readonly hasWeights?: boolean;
}

const variants: readonly Variant[] = [false, true].map((weighted) => ({
  id: weighted ? 'weighted' : 'plain',
  knobs: { LANES: 64 },
  flags: { weighted },
  slots: {},
  requires: [],
}));

/**
 * `destination[index[r][0]][g * width + i] = Σ_t weights[r][g][t] * source[index[r][1 + g * taps + t]][i]`, or where groups are
 * interleaved at `[i * groups + g]`; zero from `groups * width` up to the next multiple of 32 (or the end of the row). source and destination f32, index u32
 * `[numRows, 1 + groups * taps]` with {@link NO_ROW} for taps that add nothing, weights f32 `[numRows, groups * taps]`.
 * No row may be written twice, and source and destination are different buffers.
 */
export const gatherRows: Kernel<GatherRowsShape> = defineKernel({
  name: 'gather-rows',
  source,
  bindings: [
    { name: 'source', index: 0, access: 'read' },
    { name: 'index', index: 1, access: 'read' },
    { name: 'weights', index: 2, access: 'read', flag: 'weighted' },
    { name: 'destination', index: 3, access: 'read_write' },
  ],
  constants: ['WIDTH', 'SOURCE_STRIDE', 'DESTINATION_STRIDE', 'GROUPS', 'TAPS', 'INTERLEAVED'],
  variants,
  pick: ({ hasWeights = false }: GatherRowsShape): Variant =>
    variants.find(({ flags }) => flags['weighted'] === hasWeights) as Variant,
  constantsOf: ({ width, sourceStride, destinationStride, groups = 1, taps = 1, isInterleaved = false }) => ({
    WIDTH: width,
    SOURCE_STRIDE: sourceStride,
    DESTINATION_STRIDE: destinationStride,
    GROUPS: groups,
    TAPS: taps,
    INTERLEAVED: isInterleaved ? 1 : 0,
  }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
