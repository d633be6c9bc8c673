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
import source from './attention-prefill.wgsl';

/** Attention of runs of tokens. */
export interface AttentionPrefillShape extends KvShape {
  /** Runs of at most {@link tileTokens} tokens. */
  readonly numTiles: number;
  /** What q is multiplied by, usually `1 / sqrt(headDim)`. */
  readonly scale: number;
  /** Elements between rows of out: a multiple of 4. */
  readonly outStride: number;
}

interface Tier {
  readonly name: string;
  readonly kvTypes: readonly KvType[];
  readonly across: number;
  readonly down: number;
  readonly requires: Variant['requires'];
}

// shader-f16 halves the workgroup memory: queries, keys, values and weights are rounded to f16 there, sums stay f32.
const tiers: readonly Tier[] = [
  { name: 'portable', kvTypes: ['f16', 'f32'], across: 8, down: 16, requires: [] },
  { name: 'half', kvTypes: ['f16'], across: 8, down: 16, requires: ['shader-f16'] },
  { name: 'narrow', kvTypes: ['f16', 'f32'], across: 8, down: 4, requires: [] },
];

function variantOf(tier: Tier, kvType: KvType): Variant {
  const isHalf = tier.requires.includes('shader-f16');
  return {
    ...kvPart(kvType, 'read', isHalf),
    id: `${kvType}-${tier.name}`,
    knobs: { ACROSS: tier.across, DOWN: tier.down, Tile4: isHalf ? 'vec4<f16>' : 'vec4<f32>' },
    requires: tier.requires,
  };
}

const variants: readonly Variant[] = tiers.flatMap((tier) => tier.kvTypes.map((kvType) => variantOf(tier, kvType)));

/** Queries (tokens times query heads) of a workgroup. */
const queriesOf = (variant: Variant): number => 4 * Number(variant.knobs['DOWN']);

function pick(shape: KvShape, profile: DeviceProfile): Variant {
  const order = profile.isCpu ? ['narrow'] : ['half', 'portable'];
  const ids = order.map((name) => `${shape.kvType}-${name}`);
  const found = ids.map((id) => variants.find((v) => v.id === id)).find((v) => v && supports(profile, v));
  return found as Variant;
}

/** Most tokens that a tile of this shape may have with a variant. */
export function tileTokensOf(shape: KvShape, variant: Variant): number {
  return Math.floor(queriesOf(variant) / shareOfGroup(shape, queriesOf(variant)));
}

/** Most tokens that a tile of this shape may have on this device; the runner cuts its runs to it. */
export function tileTokens(shape: KvShape, profile: DeviceProfile): number {
  return tileTokensOf(shape, pick(shape, profile));
}

/**
 * `out[row] = softmax(q k) v` per head over positions 0 to the row's own, heads concatenated, padding untouched.
 * qkv `[numRows, qkvStride]` f32 has q already turned (kv-write); tiles are `{ slot, firstRow, numRows, firstPosition }`
 * as four u32. How a sequence is cut into tiles and chunks does not change a row's result.
 */
export const attentionPrefill: Kernel<AttentionPrefillShape> = defineKernel<AttentionPrefillShape>({
  name: 'attention-prefill',
  source,
  bindings: [
    { name: 'qkv', index: 1, access: 'read' },
    { name: 'tiles', index: 3, access: 'read' },
    { name: 'page_table', index: 4, access: 'read' },
    { name: 'out', index: 5, access: 'read_write' },
  ],
  constants: [...kvConstantNames, 'HEADS', 'SCALE', 'OUT_STRIDE'],
  variants,
  pick,
  constantsOf: (shape, variant) => ({
    ...kvConstants(shape),
    HEADS: shareOfGroup(shape, queriesOf(variant)),
    SCALE: shape.scale,
    OUT_STRIDE: shape.outStride,
  }),
  workgroupsOf: (shape, variant) => [
    shape.numTiles,
    numHeadWorkgroups(shape, shareOfGroup(shape, queriesOf(variant))),
    1,
  ],
});
