// Prefill: norm and rotary turn of q (in place) and k, and the write of k and v into their pages.
import { type DeviceProfile, defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import { type HeadTraits, headConstants } from '../lib/attention-traits.js';
import { type KvShape, type KvType, kvConstantNames, kvConstants, kvPart } from './kv-cache.js';
import source from './kv-write.wgsl';

/** What happens to the heads of a prefill step before attention, and the cache write. */
export interface KvWriteShape extends KvShape, HeadTraits {
  readonly numRows: number;
}

const LANES = 64;
/** Lanes that sum up the squares of a head; twin of head.wgsl. */
const NORM_TEAM = 8;

function variantOf(kvType: KvType): Variant {
  const kv = kvPart(kvType, 'read_write');
  return { ...kv, id: kvType, knobs: { ...kv.knobs, LANES }, requires: [] };
}

const variants: Readonly<Record<KvType, Variant>> = {
  f16: variantOf('f16'),
  f32: variantOf('f32'),
  int8: variantOf('int8'),
  int4: variantOf('int4'),
};

/** Heads of a workgroup: as many as it has lanes for, and teams for when they are normed; all if the norm is over all. */
function headsOf({ headDim, numQueryHeads, numKvHeads, queryKeyNorm }: KvWriteShape): number {
  if (queryKeyNorm === 'width') return numQueryHeads + 2 * numKvHeads;
  const numFitting = Math.max(Math.floor((4 * LANES) / headDim), 1);
  return queryKeyNorm === 'head' ? Math.min(numFitting, LANES / NORM_TEAM) : numFitting;
}

/**
 * qkv `[numRows, qkvStride]` f32 comes back with q normed and turned; k and v stay as they were and are in the cache.
 * `learned` as in {@link attentionDecode}.
 */
export const kvWrite: Kernel<KvWriteShape> = defineKernel({
  name: 'kv-write',
  source,
  bindings: [
    { name: 'qkv', index: 1, access: 'read_write' },
    { name: 'rope', index: 2, access: 'read' },
    { name: 'rows', index: 3, access: 'read' },
    { name: 'page_table', index: 4, access: 'read' },
    { name: 'learned', index: 6, access: 'read' },
  ],
  constants: [...kvConstantNames, 'HEADS'],
  variants: Object.values(variants),
  pick: (shape: KvWriteShape, _profile: DeviceProfile) => variants[shape.kvType],
  constantsOf: (shape) => ({ ...kvConstants(shape), ...headConstants(shape), HEADS: headsOf(shape) }),
  workgroupsOf(shape) {
    const numHeads = shape.numQueryHeads + 2 * shape.numKvHeads;
    return [tiles(numHeads, headsOf(shape)), shape.numRows, 1];
  },
});
