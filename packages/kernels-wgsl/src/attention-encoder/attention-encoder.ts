// Attention of vision towers: every row of a picture, or of a window of it, sees every other. There is no cache.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import { type AttendTier, attendParts, attendTiers, numAttendQueries } from '../lib/attend.js';
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
  /** The keys of every tile are the rows of a square with this side, and scores depend on distances in it; else missing. */
  readonly relativeSide?: number;
}

function variantOf(tier: AttendTier, relative: boolean): Variant {
  const part = attendParts[tier];
  return { id: relative ? `${tier}-relative` : tier, ...part, flags: { ...part.flags, relative } };
}

const variants: readonly Variant[] = [false, true].flatMap((relative) =>
  (['portable', 'half', 'narrow'] as const).map((tier) => variantOf(tier, relative)),
);

function pick({ relativeSide }: AttentionEncoderShape, profile: DeviceProfile): Variant {
  const ids = attendTiers(profile).map((tier) => variantOf(tier, relativeSide !== undefined).id);
  const found = ids.map((id) => variants.find((v) => v.id === id)).find((v) => v && supports(profile, v));
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
 * keys are cut into tiles does not change a row's result. With `relativeSide`, `relative` is what relative-scores gives, and
 * key i of a tile is in line `i / side` and column `i % side`: both numbers of the query are added to its score.
 */
export const attentionEncoder: Kernel<AttentionEncoderShape> = defineKernel({
  name: 'attention-encoder',
  source,
  bindings: [
    { name: 'qkv', index: 0, access: 'read' },
    { name: 'tiles', index: 1, access: 'read' },
    { name: 'out', index: 2, access: 'read_write' },
    { name: 'relative', index: 3, access: 'read', flag: 'relative' },
  ],
  constants: ['D4', 'HEADS', 'SCALE', 'QKV_STRIDE', 'OUT_STRIDE', 'SIDE'],
  variants,
  pick,
  constantsOf: ({ numHeads, headDim, scale, qkvStride, outStride, relativeSide }) => ({
    D4: headDim / 4,
    HEADS: numHeads,
    SCALE: scale,
    QKV_STRIDE: qkvStride,
    OUT_STRIDE: outStride,
    ...(relativeSide !== undefined && { SIDE: relativeSide }),
  }),
  workgroupsOf: ({ numTiles, numHeads }) => [numTiles, numHeads, 1],
});
