// Attention of one layer over the paged cache: on decode one dispatch turns, appends and attends (and one more merges
// long contexts); otherwise one dispatch turns and appends, one attends. How is in kernels-wgsl.
import {
  attentionDecode,
  attentionPrefill,
  attentionReduce,
  DEFAULT_SPLIT_SIZE,
  type DeviceProfile,
  type KvShape,
  kvWrite,
  numPartialElements,
  tileTokens,
} from '@pagemind/kernels-wgsl';
import { type ForwardContext, rowStride } from './context.js';

/** The numbers of a model that attention depends on. */
export interface AttentionConfig {
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly rope: { readonly dims: number };
}

/** Keys that one workgroup of decode attention goes through. The same for every batch, so that sums keep their order. */
export const SPLIT_LENGTH: number = DEFAULT_SPLIT_SIZE;

/** Projections in, heads out; both `[numRows, ...]` f32. */
export interface AttentionUse {
  /** `[numRows, (numHeads + 2 numKvHeads) * headDim]`; prefill leaves q turned. */
  readonly qkv: GPUBuffer;
  /** `[numRows, numHeads * headDim]` */
  readonly out: GPUBuffer;
}

/** Attends every row to its sequence's tokens up to itself; writes the rows' keys and values into the cache. */
export function attention(
  ctx: ForwardContext,
  config: AttentionConfig,
  layer: number,
  { qkv, out }: AttentionUse,
): void {
  const { profile, shape, buffers, dispatch } = ctx;
  const { rope, rows, partials, tiles, pageTable } = buffers;
  const common = {
    ...kvShape(config, ctx),
    numRows: shape.numRows,
    rotaryDim: config.rope.dims,
    scale: 1 / Math.sqrt(config.headDim),
    outStride: rowStride(config.numHeads * config.headDim),
  };
  const bound = { kv: ctx.kv[layer] as GPUBuffer, qkv, rope, rows, page_table: pageTable, out, partials, tiles };
  if (shape.path !== 'decode') {
    dispatch(kvWrite.plan(common, profile), bound);
    dispatch(attentionPrefill.plan({ ...common, numTiles: shape.numTiles }, profile), bound);
    return;
  }
  const split = { ...common, splitSize: SPLIT_LENGTH, numSplits: shape.numSplits };
  dispatch(attentionDecode.plan(split, profile), bound);
  if (shape.numSplits > 1) dispatch(attentionReduce.plan(split, profile), bound);
}

/** Most rows of a query tile of prefill. */
export function queryTileTokens(config: AttentionConfig, ctx: KvContext, profile: DeviceProfile): number {
  return tileTokens(kvShape(config, ctx), profile);
}

/** Bytes of the partial results of a decode step. */
export function partialBytes({ numHeads, headDim }: AttentionConfig, numRows: number, maxLength: number): number {
  const numSplits = Math.ceil(maxLength / SPLIT_LENGTH);
  return numSplits > 1 ? 4 * numPartialElements({ numSplits, numRows, numQueryHeads: numHeads, headDim }) : 0;
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
