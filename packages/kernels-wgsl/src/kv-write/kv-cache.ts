// What every kernel that touches the paged KV cache shares: its shape, its override values and the modules that fill
// the slot `kv`. Page allocation is the engine's; here a page is only an index.
import type { WgslModule } from '@pagemind/quant';
import type { Binding, Variant } from '../kernel.js';
import kvF16 from '../lib/kv-f16.wgsl';
import kvF16Native from '../lib/kv-f16-native.wgsl';
import kvF32 from '../lib/kv-f32.wgsl';

/** How keys and values are stored. */
export type KvType = 'f16' | 'f32';

/** One layer's attention over its cache `[page][kv head][K|V][slot in page][headDim]`. */
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
export type KvPart = Pick<Variant, 'slots' | 'slotBindings'> & { readonly flags: { readonly kvWrite: boolean } };

const modules: Readonly<Record<KvType, WgslModule>> = { f16: kvF16, f32: kvF32 };

/**
 * Fills the slot `kv`.
 * @param isNative reads halves through shader-f16, which the variant must then require.
 */
export function kvPart(kvType: KvType, access: Binding['access'], isNative = false): KvPart {
  return {
    slots: { kv: isNative && kvType === 'f16' ? kvF16Native : modules[kvType] },
    flags: { kvWrite: access === 'read_write' },
    slotBindings: [{ name: 'kv', index: 0, access }],
  };
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
