// Rotary embeddings of vision towers. Decoders turn their heads within attention and when they write the cache.
import { type DeviceProfile, defineKernel, type Kernel, type Variant } from '../kernel.js';
import source from './turn-heads.wgsl';

/** Rows whose heads turn. */
export interface TurnHeadsShape {
  readonly numRows: number;
  readonly numHeads: number;
  /** Elements of a head, an even number; all of them turn. */
  readonly headDim: number;
  /** Elements between rows of qkv: q heads, k heads, v heads, padding. */
  readonly qkvStride: number;
}

const portable: Variant = { id: 'portable', knobs: { LANES: 256 }, flags: {}, slots: {}, requires: [] };
const narrow: Variant = { ...portable, id: 'narrow', knobs: { LANES: 16 } };

/**
 * Elements i and i + headDim / 2 of every head of q and k turn by the angle whose (cos, sin) is `turns[row][i]`; qkv
 * `[numRows, qkvStride]`, turns `[numRows, headDim / 2, 2]`, both f32.
 */
export const turnHeads: Kernel<TurnHeadsShape> = defineKernel({
  name: 'turn-heads',
  source,
  bindings: [
    { name: 'qkv', index: 0, access: 'read_write' },
    { name: 'turns', index: 1, access: 'read' },
  ],
  constants: ['PAIRS', 'HEADS', 'QKV_STRIDE'],
  variants: [portable, narrow],
  pick: (_shape: TurnHeadsShape, profile: DeviceProfile): Variant => (profile.isCpu ? narrow : portable),
  constantsOf: ({ numHeads, headDim, qkvStride }) => ({
    PAIRS: headDim / 2,
    HEADS: 2 * numHeads,
    QKV_STRIDE: qkvStride,
  }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
