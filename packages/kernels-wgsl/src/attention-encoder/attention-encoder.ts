// Attention of vision towers: every row of a picture, or of a window of it, sees every other. There is no cache.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import { attendParts, attendTiers, numAttendQueries } from '../lib/attend.js';
import source from './attention-encoder.wgsl';

/** Attention within lists of rows. */
export interface AttentionEncoderShape {
  /** Tiles of at most {@link encoderTileRows} rows. */
  readonly numTiles: number;
  readonly numHeads: number;
  /** Elements of a head: a multiple of 4, at most 128. */
  readonly headDim: number;
  /** What q is multiplied by, usually `1 / sqrt(headDim)`. */
  readonly scale: number;
  /** Elements between rows of qkv (q heads, k heads, v heads, padding): a multiple of 4. */
  readonly qkvStride: number;
  /** Elements between rows of out: a multiple of 4. */
  readonly outStride: number;
}

const variants: readonly Variant[] = (['portable', 'half', 'narrow'] as const).map((tier) => ({
  id: tier,
  ...attendParts[tier],
}));

function pick(_shape: AttentionEncoderShape, profile: DeviceProfile): Variant {
  const found = attendTiers(profile)
    .map((tier) => variants.find(({ id }) => id === tier))
    .find((variant) => variant && supports(profile, variant));
  return found as Variant;
}

/** Most rows that a tile of this shape may have on this device; whoever makes the tiles cuts to it. */
export function encoderTileRows(shape: AttentionEncoderShape, profile: DeviceProfile): number {
  return numAttendQueries(pick(shape, profile));
}

/**
 * `out[row] = softmax(q k) v` per head for the rows of every tile over the tile's keys, heads concatenated, padding
 * untouched. qkv `[numRows, qkvStride]`, out `[numRows, outStride]` f32; tiles are
 * `{ firstRow, numRows, firstKeyRow, numKeys }` as four u32, and empty ones are skipped. How the rows that share their
 * keys are cut into tiles does not change a row's result.
 */
export const attentionEncoder: Kernel<AttentionEncoderShape> = defineKernel({
  name: 'attention-encoder',
  source,
  bindings: [
    { name: 'qkv', index: 0, access: 'read' },
    { name: 'tiles', index: 1, access: 'read' },
    { name: 'out', index: 2, access: 'read_write' },
  ],
  constants: ['D4', 'HEADS', 'SCALE', 'QKV_STRIDE', 'OUT_STRIDE'],
  variants,
  pick,
  constantsOf: ({ numHeads, headDim, scale, qkvStride, outStride }) => ({
    D4: headDim / 4,
    HEADS: numHeads,
    SCALE: scale,
    QKV_STRIDE: qkvStride,
    OUT_STRIDE: outStride,
  }),
  workgroupsOf: ({ numTiles, numHeads }) => [numTiles, numHeads, 1],
});
