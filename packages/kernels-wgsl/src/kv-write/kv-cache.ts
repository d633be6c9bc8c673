// What every kernel that touches the paged KV cache shares: its shape, its override values and the modules that fill
// the slot `kv`. Page allocation is the engine's; here a page is only an index.
import type { WgslModule } from '@pagemind/quant';
import type { Binding, Variant } from '../kernel.js';
import kvF16 from '../lib/kv-f16.wgsl';
import kvF16Native from '../lib/kv-f16-native.wgsl';
import kvF32 from '../lib/kv-f32.wgsl';
import kvInt from '../lib/kv-int.wgsl';

/**
 * How keys and values are stored. `int8` and `int4` are codes on a grid of their own for each token and head:
 * `x = code * scale + zero` with `zero = min`, `scale = (max - min) / (2^bits - 1)`, both rounded to f16.
 */
export type KvType = 'f16' | 'f32' | 'int8' | 'int4';

/** One layer's attention over its cache `[page][kv head][K|V][slot in page]`, where the codes of a page precede its grids. */
export interface KvShape {
  readonly kvType: KvType;
  /** Elements of a head: a multiple of 4, at most 256. */
  readonly headDim: number;
  /** A multiple of `numKvHeads`. */
  readonly numQueryHeads: number;
  readonly numKvHeads: number;
  /** Tokens in a page: a multiple of 4. */
  readonly pageSize: number;
  /** Pages in a row of the page table. */
  readonly maxPages: number;
  /** Elements between rows of qkv (q heads, k heads, v heads, padding): a multiple of 4. */
  readonly qkvStride: number;
}

/** The part of a variant that depends on how the cache is stored and used. */
export type KvPart = Pick<Variant, 'knobs' | 'slots' | 'slotBindings'> & {
  readonly flags: { readonly kvWrite: boolean };
};

const modules: Readonly<Record<KvType, WgslModule>> = { f16: kvF16, f32: kvF32, int8: kvInt, int4: kvInt };
const knobs: Readonly<Record<KvType, Variant['knobs']>> = { f16: {}, f32: {}, int8: { BITS: 8 }, int4: { BITS: 4 } };

/**
 * Fills the slot `kv`.
 * @param isNative reads halves through shader-f16, which the variant must then require.
 */
export function kvPart(kvType: KvType, access: Binding['access'], isNative = false): KvPart {
  return {
    knobs: knobs[kvType],
    slots: { kv: isNative && kvType === 'f16' ? kvF16Native : modules[kvType] },
    flags: { kvWrite: access === 'read_write' },
    slotBindings: [{ name: 'kv', index: 0, access }],
  };
}

/** Bytes of a page of one layer. */
export function kvPageBytes({
  kvType,
  headDim,
  numKvHeads,
  pageSize,
}: Pick<KvShape, 'kvType' | 'headDim' | 'numKvHeads' | 'pageSize'>): number {
  const grid = 4;
  const lineBytes = {
    f32: 4 * headDim,
    f16: 2 * headDim,
    int8: headDim + grid,
    int4: 4 * Math.ceil(headDim / 8) + grid,
  };
  return numKvHeads * 2 * pageSize * lineBytes[kvType];
}

/** Names of the override constants of {@link kvConstants}. */
export const kvConstantNames: readonly string[] = ['D4', 'KV_HEADS', 'GROUP', 'PAGE', 'MAX_PAGES', 'QKV_STRIDE'];

/** Override values of a shape that all these kernels declare. */
export function kvConstants(shape: KvShape): Readonly<Record<string, number>> {
  return {
    D4: shape.headDim / 4,
    KV_HEADS: shape.numKvHeads,
    GROUP: shape.numQueryHeads / shape.numKvHeads,
    PAGE: shape.pageSize,
    MAX_PAGES: shape.maxPages,
    QKV_STRIDE: shape.qkvStride,
  };
}

/**
 * Query heads of one kv head that a workgroup takes together: all of them if they fit, else even shares.
 * The grid has `numKvHeads * ceil(group / share)` workgroups for them.
 */
export function shareOfGroup(shape: KvShape, maxHeads: number): number {
  const group = shape.numQueryHeads / shape.numKvHeads;
  return Math.ceil(group / Math.ceil(group / maxHeads));
}

/** Workgroups over all kv heads when each takes `heads` query heads of a group. */
export function numHeadWorkgroups(shape: KvShape, heads: number): number {
  return shape.numKvHeads * Math.ceil(shape.numQueryHeads / shape.numKvHeads / heads);
}
