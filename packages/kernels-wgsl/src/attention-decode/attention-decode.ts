// Decode attention: one new token per row, with rotary turn and cache write inside. attention-prefill takes runs of
// tokens.
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
import { type HeadTraits, headConstants, type ScoreTraits, scoreConstants } from '../lib/attention-traits.js';
import source from './attention-decode.wgsl';
import spreadNone from './spread-none.wgsl';
import spreadSubgroup from './spread-subgroup.wgsl';
import spreadWorkgroup from './spread-workgroup.wgsl';

/** Attention of one new token per row. */
export interface AttentionDecodeShape extends KvShape, HeadTraits, ScoreTraits {
  readonly numRows: number;
  /**
   * At least {@link numSplitsOf} the longest row. With 1 the kernel writes `out`; with more it writes `partials`, which
   * attention-reduce merges. Rows come out the same to the bit either way.
   */
  readonly numSplits: number;
  /** Keys of a split: a multiple of `pageSize` that never depends on the batch. */
  readonly splitSize: number;
  /** Elements between rows of out: a multiple of 4. */
  readonly outStride: number;
}

/** Keys of a split unless the caller has reasons. */
export const DEFAULT_SPLIT_SIZE = 256;

/** Splits that a row of `length` tokens may have keys in. They start at multiples of `splitSize`, wherever a window does. */
export function numSplitsOf(
  { splitSize, window = Number.POSITIVE_INFINITY }: Pick<AttentionDecodeShape, 'splitSize' | 'window'>,
  length: number,
): number {
  return Math.min(Math.ceil(length / splitSize), Math.ceil((window - 1) / splitSize) + 1);
}

/** f32 elements of `partials`: per split, row and query head a maximum, a sum, two zeros and `headDim` outputs. */
export function numPartialElements(
  shape: Pick<AttentionDecodeShape, 'numSplits' | 'numRows' | 'numQueryHeads' | 'headDim'>,
): number {
  return shape.numSplits * shape.numRows * shape.numQueryHeads * (shape.headDim + 4);
}

const WORKGROUP_BYTES = 16384;

interface Tier {
  readonly name: string;
  readonly kvTypes: readonly KvType[];
  readonly spread: number;
  /** Query heads of a workgroup at most. */
  readonly heads: number;
  readonly unroll: number;
  readonly sum: Variant['slots'][string];
  readonly requires: Variant['requires'];
}

// shader-f16 here means reading halves without unpacking; products and sums stay f32, since a product in f16 costs its
// conversion anyway and would put the overflow of large keys into the scores.
const all: readonly KvType[] = ['f16', 'f32', 'int8', 'int4'];
const tiers: readonly Tier[] = [
  {
    name: 'portable',
    kvTypes: all,
    spread: 4,
    heads: 8,
    unroll: 2,
    sum: spreadWorkgroup,
    requires: [],
  },
  {
    name: 'subgroup',
    kvTypes: all,
    spread: 4,
    heads: 8,
    unroll: 2,
    sum: spreadSubgroup,
    requires: ['subgroups'],
  },
  {
    name: 'half',
    kvTypes: ['f16'],
    spread: 4,
    heads: 8,
    unroll: 2,
    sum: spreadWorkgroup,
    requires: ['shader-f16'],
  },
  {
    name: 'half-subgroup',
    kvTypes: ['f16'],
    spread: 4,
    heads: 8,
    unroll: 2,
    sum: spreadSubgroup,
    requires: ['shader-f16', 'subgroups'],
  },
  { name: 'narrow', kvTypes: all, spread: 1, heads: 2, unroll: 1, sum: spreadNone, requires: [] },
];

function variantOf(tier: Tier, kvType: KvType, isDirect: boolean): Variant {
  const kv = kvPart(kvType, 'read_write', tier.requires.includes('shader-f16'));
  return {
    ...kv,
    id: `${kvType}-${tier.name}-${isDirect ? 'direct' : 'split'}`,
    knobs: { ...kv.knobs, SPREAD: tier.spread, MAX_HEADS: tier.heads, UNROLL: tier.unroll },
    flags: { ...kv.flags, direct: isDirect, split: !isDirect },
    slots: { ...kv.slots, spread: tier.sum },
    requires: tier.requires,
  };
}

const variants: readonly Variant[] = tiers.flatMap((tier) =>
  tier.kvTypes.flatMap((kvType) => [true, false].map((isDirect) => variantOf(tier, kvType, isDirect))),
);

/** Invocations of a workgroup. Where they are computed one after the other: no more than a part of the kernel has work for. */
function lanesOf({ headDim }: AttentionDecodeShape, { knobs, slots }: Variant): number {
  if (slots['spread'] !== spreadNone) return 128;
  return Math.max(8 * Math.ceil(headDim / 32), 8 * (Number(knobs['MAX_HEADS']) + 1));
}

/** Query heads of a workgroup: as many of a group as fit, with their queries and scores, into workgroup memory. */
function headsOf(shape: AttentionDecodeShape, variant: Variant): number {
  const pages = Math.ceil((4 * shape.splitSize) / shape.pageSize / 16) * 16;
  const maxHeads = Number(variant.knobs['MAX_HEADS']);
  const fixed = 16 + 8 * shape.headDim + (8 + 32 + 4) * maxHeads + 16 * lanesOf(shape, variant) + pages + 16;
  const perHead = 4 * (shape.headDim + shape.splitSize);
  const numFitting = Math.floor((WORKGROUP_BYTES - fixed) / perHead);
  if (numFitting < 1) throw new Error(`attention-decode: a split of ${shape.splitSize} keys exceeds workgroup memory`);
  return shareOfGroup(shape, Math.min(numFitting, maxHeads));
}

/**
 * `out[row] = softmax(q k) v` per head over positions 0 to `rows[row].position`, or those of them in the window, heads
 * concatenated, padding untouched; writes the row's turned k and v into the cache. qkv `[numRows, qkvStride]` f32 is as the
 * projection left it. `learned` is what {@link learnedLayout} says; any buffer if that is empty.
 */
export const attentionDecode: Kernel<AttentionDecodeShape> = defineKernel({
  name: 'attention-decode',
  source,
  bindings: [
    { name: 'qkv', index: 1, access: 'read' },
    { name: 'rope', index: 2, access: 'read' },
    { name: 'rows', index: 3, access: 'read' },
    { name: 'page_table', index: 4, access: 'read' },
    { name: 'out', index: 5, access: 'read_write', flag: 'direct' },
    { name: 'partials', index: 5, access: 'read_write', flag: 'split' },
    { name: 'learned', index: 6, access: 'read' },
  ],
  constants: ['LANES', ...kvConstantNames, 'HEADS', 'SCALE', 'SPLIT', 'OUT_STRIDE'],
  variants,
  pick(shape: AttentionDecodeShape, profile: DeviceProfile): Variant {
    const order = profile.isCpu ? ['narrow'] : ['half-subgroup', 'subgroup', 'half', 'portable'];
    const ids = order.map((name) => `${shape.kvType}-${name}-${shape.numSplits === 1 ? 'direct' : 'split'}`);
    const found = ids.map((id) => variants.find((v) => v.id === id)).find((v) => v && supports(profile, v));
    return found as Variant;
  },
  constantsOf: (shape, variant) => ({
    ...kvConstants(shape),
    ...headConstants(shape),
    ...scoreConstants(shape),
    LANES: lanesOf(shape, variant),
    HEADS: headsOf(shape, variant),
    SCALE: shape.scale,
    SPLIT: shape.splitSize,
    OUT_STRIDE: shape.outStride,
  }),
  workgroupsOf: (shape, variant) => [numHeadWorkgroups(shape, headsOf(shape, variant)), shape.numSplits, shape.numRows],
});
