// Attention of one layer over the paged cache: on decode one dispatch turns, appends and attends (and one more merges
// long contexts); otherwise one dispatch turns and appends, one attends. How is in kernels-wgsl.
import {
  attentionDecode,
  attentionPrefill,
  attentionReduce,
  DEFAULT_SPLIT_SIZE,
  type DeviceProfile,
  type HeadTraits,
  type KvShape,
  kvWrite,
  numPartialElements,
  numSplitsOf,
  type ScoreTraits,
  tileTokens,
} from '@pagemind/kernels-wgsl';
import type { LoadedVector } from '../load/weight-loader.js';
import { type ForwardContext, rowStride } from './context.js';

/** The numbers of a model that attention depends on. */
export interface AttentionConfig {
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly layers: readonly { readonly window: number | undefined; readonly rope: 'global' | 'local' | 'none' }[];
  readonly rope: { readonly dims: number; readonly isInterleaved?: boolean };
  readonly alibi: number | undefined;
  readonly attentionScale: number;
  readonly attentionSoftcap: number | undefined;
  readonly lognLength: number | undefined;
  readonly queryKeyNorm: HeadTraits['queryKeyNorm'];
  readonly normEpsilon: number;
}

/** Keys that one workgroup of decode attention goes through. The same for every batch, so that sums keep their order. */
export const SPLIT_LENGTH: number = DEFAULT_SPLIT_SIZE;

/** Projections in, heads out; both `[numRows, ...]` f32. */
export interface AttentionUse {
  /** `[numRows, (numHeads + 2 numKvHeads) * headDim]`; prefill leaves q turned. */
  readonly qkv: GPUBuffer;
  /** `[numRows, numHeads * headDim]` */
  readonly out: GPUBuffer;
  /** Norms of q and k, if there are any. */
  readonly learned: LoadedVector | undefined;
}

/** Attends every row to its sequence's tokens up to itself; writes the rows' keys and values into the cache. */
export function attention(
  ctx: ForwardContext,
  config: AttentionConfig,
  layer: number,
  { qkv, out, learned }: AttentionUse,
): void {
  const { profile, shape, buffers, dispatch } = ctx;
  const { rows, partials, tiles, pageTable } = buffers;
  const common = {
    ...kvShape(config, ctx),
    ...traitsOf(config, layer),
    numRows: shape.numRows,
    outStride: rowStride(config.numHeads * config.headDim),
  };
  const rope = config.layers[layer]?.rope === 'local' ? buffers.localRope : buffers.rope;
  const bound = {
    kv: ctx.kv[layer] as GPUBuffer,
    qkv,
    rope,
    learned: learned?.buffer ?? rope, // any buffer will do where nothing is learned
    rows,
    page_table: pageTable,
    out,
    partials,
    tiles,
  };
  if (shape.path !== 'decode') {
    dispatch(kvWrite.plan(common, profile), bound);
    dispatch(attentionPrefill.plan({ ...common, numTiles: shape.numTiles }, profile), bound);
    return;
  }
  const { window } = common;
  const numSplits = numSplitsOf({ splitSize: SPLIT_LENGTH, window }, shape.numSplits * SPLIT_LENGTH);
  const split = { ...common, splitSize: SPLIT_LENGTH, numSplits };
  dispatch(attentionDecode.plan(split, profile), bound);
  if (numSplits > 1) dispatch(attentionReduce.plan(split, profile), bound);
}

/** Most rows of a query tile of prefill. */
export function queryTileTokens(config: AttentionConfig, ctx: KvContext, profile: DeviceProfile): number {
  return tileTokens(kvShape(config, ctx), profile);
}

/** Bytes of the partial results of a decode step. */
export function partialBytes(
  { numHeads, headDim }: Pick<AttentionConfig, 'numHeads' | 'headDim'>,
  numRows: number,
  maxLength: number,
): number {
  const numSplits = Math.ceil(maxLength / SPLIT_LENGTH);
  return numSplits > 1 ? 4 * numPartialElements({ numSplits, numRows, numQueryHeads: numHeads, headDim }) : 0;
}

function traitsOf(config: AttentionConfig, layer: number): HeadTraits & ScoreTraits {
  const { window, rope } = config.layers[layer] ?? { window: undefined, rope: 'none' };
  return {
    rotaryDim: rope === 'none' ? 0 : config.rope.dims,
    isInterleaved: config.rope.isInterleaved,
    queryKeyNorm: config.queryKeyNorm,
    normEpsilon: config.normEpsilon,
    lognLength: config.lognLength,
    scale: config.attentionScale,
    window,
    softcap: config.attentionSoftcap,
    alibi: config.alibi,
  };
}

/** How the cache is laid out. */
export type KvContext = Pick<ForwardContext, 'kvDtype' | 'pageSize' | 'maxPages'>;

function kvShape(config: AttentionConfig, { kvDtype, pageSize, maxPages }: KvContext): KvShape {
  const { numHeads, numKvHeads, headDim } = config;
  return {
    kvType: kvDtype,
    headDim,
    numQueryHeads: numHeads,
    numKvHeads,
    pageSize,
    maxPages,
    qkvStride: rowStride((numHeads + 2 * numKvHeads) * headDim),
  };
}
