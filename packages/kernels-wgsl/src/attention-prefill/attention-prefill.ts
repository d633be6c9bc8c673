// Prefill attention: causal, over runs of consecutive tokens of one sequence each. kv-write comes before it.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import {
  type KvShape,
  type KvType,
  kvConstantNames,
  kvConstants,
  kvPart,
  numHeadWorkgroups,
  shareOfGroup,
} from '../kv-write/kv-cache.js';
import { type AttendTier, attendParts, attendTiers, numAttendQueries } from '../lib/attend.js';
import { type HeadTraits, type ScoreTraits, scoreConstants } from '../lib/attention-traits.js';
import source from './attention-prefill.wgsl';

/** Attention of runs of tokens. */
export interface AttentionPrefillShape extends KvShape, ScoreTraits, Pick<HeadTraits, 'queryKeyNorm'> {
  /** Runs of at most {@link tileTokens} tokens. */
  readonly numTiles: number;
  /** Elements between rows of out: a multiple of 4. */
  readonly outStride: number;
}

function variantOf(tier: AttendTier, kvType: KvType): Variant {
  const kv = kvPart(kvType, 'read', tier === 'half');
  const { knobs, flags, slots, requires } = attendParts[tier];
  return {
    ...kv,
    id: `${kvType}-${tier}`,
    knobs: { ...kv.knobs, ...knobs },
    flags: { ...kv.flags, ...flags },
    slots: { ...kv.slots, ...slots },
    requires,
  };
}

const variants: readonly Variant[] = [
  ...(['f16', 'int8', 'int4'] as const).flatMap((kvType) =>
    (['portable', 'half', 'narrow'] as const).map((tier) => variantOf(tier, kvType)),
  ),
  ...(['portable', 'narrow'] as const).map((tier) => variantOf(tier, 'f32')),
];

function pick(shape: KvShape, profile: DeviceProfile): Variant {
  const ids = attendTiers(profile).map((tier) => `${shape.kvType}-${tier}`);
  const found = ids.map((id) => variants.find((v) => v.id === id)).find((v) => v && supports(profile, v));
  return found as Variant;
}

/** Most tokens that a tile of this shape may have with a variant. */
export function tileTokensOf(shape: KvShape, variant: Variant): number {
  return Math.floor(numAttendQueries(variant) / shareOfGroup(shape, numAttendQueries(variant)));
}

/** Most tokens that a tile of this shape may have on this device; the runner cuts its runs to it. */
export function tileTokens(shape: KvShape, profile: DeviceProfile): number {
  return tileTokensOf(shape, pick(shape, profile));
}

/**
 * `out[row] = softmax(q k) v` per head over positions 0 to the row's own, or those of them in the window, heads
 * concatenated, padding untouched. qkv `[numRows, qkvStride]` f32 has q already turned (kv-write); tiles are
 * `{ slot, firstRow, numRows, firstPosition }` as four u32; `learned` as in {@link attentionDecode}. How a sequence is cut into tiles and chunks does not change a row's result.
 */
export const attentionPrefill: Kernel<AttentionPrefillShape> = defineKernel<AttentionPrefillShape>({
  name: 'attention-prefill',
  source,
  bindings: [
    { name: 'qkv', index: 1, access: 'read' },
    { name: 'tiles', index: 3, access: 'read' },
    { name: 'page_table', index: 4, access: 'read' },
    { name: 'out', index: 5, access: 'read_write' },
    { name: 'learned', index: 6, access: 'read' },
  ],
  constants: [...kvConstantNames, 'HEADS', 'SCALE', 'OUT_STRIDE'],
  variants,
  pick,
  constantsOf: (shape, variant) => ({
    ...kvConstants(shape),
    HEADS: shareOfGroup(shape, numAttendQueries(variant)),
    ...scoreConstants(shape),
    SCALE: shape.scale,
    OUT_STRIDE: shape.outStride,
  }),
  workgroupsOf: (shape, variant) => [
    shape.numTiles,
    numHeadWorkgroups(shape, shareOfGroup(shape, numAttendQueries(variant))),
    1,
  ],
});
