// RMSNorm as a dispatch of its own: before products of prefill (on decode it is fused into linear-matvec), and behind
// products, with the addition to the residual.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import reduceSubgroup from '../lib/reduce-subgroup.wgsl';
import reduceWorkgroup from '../lib/reduce-workgroup.wgsl';
import source from './rmsnorm.wgsl';

/** RMSNorm of some rows. */
export interface RmsnormShape {
  readonly numRows: number;
  /** Elements that count. */
  readonly width: number;
  /** Elements between rows: a multiple of 32, zero beyond `width`. */
  readonly stride: number;
  readonly epsilon: number;
  /** The result is added to what y holds. */
  readonly adds?: boolean;
}

const variants: readonly Variant[] = [
  { id: 'portable', knobs: { LANES: 256 }, flags: {}, slots: { reduce: reduceWorkgroup }, requires: [] },
  { id: 'subgroup', knobs: { LANES: 256 }, flags: {}, slots: { reduce: reduceSubgroup }, requires: ['subgroups'] },
  { id: 'narrow', knobs: { LANES: 16 }, flags: {}, slots: { reduce: reduceWorkgroup }, requires: [] },
];

/** `y[row] = x[row] / rms(x[row]) * gamma`, or `y[row] +=` that; x, y `[numRows, stride]` f32, gamma `[stride]` f32. */
export const rmsnorm: Kernel<RmsnormShape> = defineKernel({
  name: 'rmsnorm',
  source,
  bindings: [
    { name: 'x', index: 0, access: 'read' },
    { name: 'gamma', index: 1, access: 'read' },
    { name: 'y', index: 2, access: 'read_write' },
  ],
  constants: ['WIDTH', 'STRIDE', 'EPSILON', 'ADDS'],
  variants,
  pick(_shape: RmsnormShape, profile: DeviceProfile): Variant {
    const order = profile.isCpu ? ['narrow'] : ['subgroup', 'portable'];
    const found = order.map((id) => variants.find((v) => v.id === id)).find((v) => v && supports(profile, v));
    return found as Variant;
  },
  constantsOf: ({ width, stride, epsilon, adds }) => ({
    WIDTH: width,
    STRIDE: stride,
    EPSILON: epsilon,
    ADDS: adds ? 1 : 0,
  }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
