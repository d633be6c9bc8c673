// Decomposed relative positions of vision towers: the part of a score that depends on how far a key is from its query.
import { type DeviceProfile, defineKernel, type Kernel, type Variant } from '../kernel.js';
import source from './relative-scores.wgsl';

/** Rows that attend to the square they are in. */
export interface RelativeScoresShape {
  /** Rows of one square after the other, at most 65,535; each square line by line. */
  readonly numRows: number;
  readonly numHeads: number;
  /** Elements of a head: a multiple of 4. */
  readonly headDim: number;
  /** Of a square. */
  readonly side: number;
  /** Elements between rows of qkv (q heads first): a multiple of 4. */
  readonly qkvStride: number;
}

const portable: Variant = { id: 'portable', knobs: { LANES: 256 }, flags: {}, slots: {}, requires: [] };
const narrow: Variant = { ...portable, id: 'narrow', knobs: { LANES: 16 } };

/**
 * `relative[row][head][l]` = q · distances[0][line of row - l + side - 1], and `relative[row][head][side + c]` the same of
 * distances[1] and columns; qkv `[numRows, qkvStride]`, distances `[2, 2 * side - 1, headDim]`, relative
 * `[numRows, numHeads, 2 * side]`, all f32.
 */
export const relativeScores: Kernel<RelativeScoresShape> = defineKernel({
  name: 'relative-scores',
  source,
  bindings: [
    { name: 'qkv', index: 0, access: 'read' },
    { name: 'distances', index: 1, access: 'read' },
    { name: 'relative', index: 2, access: 'read_write' },
  ],
  constants: ['D4', 'HEADS', 'SIDE', 'QKV_STRIDE'],
  variants: [portable, narrow],
  pick: (_shape: RelativeScoresShape, profile: DeviceProfile): Variant => (profile.isCpu ? narrow : portable),
  constantsOf: ({ numHeads, headDim, side, qkvStride }) => ({
    D4: headDim / 4,
    HEADS: numHeads,
    SIDE: side,
    QKV_STRIDE: qkvStride,
  }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
