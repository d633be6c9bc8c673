// Prefill: rotary turn of q (in place) and k, and the write of k and v into their pages.
import { type DeviceProfile, defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import { type KvShape, type KvType, kvConstantNames, kvConstants, kvPart } from './kv-cache.js';
import source from './kv-write.wgsl';

/** The rotary turn and cache write of a prefill step. */
export interface KvWriteShape extends KvShape {
  readonly numRows: number;
  /** Elements of a head that turn: even, at most `headDim`; 0 for none. */
  readonly rotaryDim: number;
}

const LANES = 64;

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

/** qkv `[numRows, qkvStride]` f32 comes back with q turned; k and v stay as they were and are in the cache. */
export const kvWrite: Kernel<KvWriteShape> = defineKernel({
  name: 'kv-write',
  source,
  bindings: [
    { name: 'qkv', index: 1, access: 'read_write' },
    { name: 'rope', index: 2, access: 'read' },
    { name: 'rows', index: 3, access: 'read' },
    { name: 'page_table', index: 4, access: 'read' },
  ],
  constants: [...kvConstantNames, 'ROT'],
  variants: Object.values(variants),
  pick: (shape: KvWriteShape, _profile: DeviceProfile) => variants[shape.kvType],
  constantsOf: (shape) => ({ ...kvConstants(shape), ROT: shape.rotaryDim }),
  workgroupsOf(shape) {
    const numHeads = shape.numQueryHeads + 2 * shape.numKvHeads;
    return [tiles(numHeads, Math.floor(LANES / (shape.headDim / 4))), shape.numRows, 1];
  },
});
