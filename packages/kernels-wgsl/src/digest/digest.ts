// Tells whether buffers hold what they held before, without bringing them back from the GPU. No defence against somebody
// who wants two of them to look alike.
import { defineKernel, type Kernel, type Variant } from '../kernel.js';
import source from './digest.wgsl';

/** A fingerprint in the making. */
export interface DigestShape {
  readonly numWorkgroups: number;
}

const gpu: Variant = { id: 'gpu', knobs: { LANES: 256 }, flags: {}, slots: {}, requires: [] };
const cpu: Variant = { id: 'cpu', knobs: { LANES: 4 }, flags: {}, slots: {}, requires: [] };

const lanesOf = (variant: Variant): number => Number(variant.knobs['LANES']);

/**
 * Mixes data `[numUnits]` vec4<u32> into states `[numWorkgroups * lanes]` vec4<u32>, which go from buffer to buffer. Lanes
 * are 256 at most.
 */
export const digest: Kernel<DigestShape> = defineKernel({
  name: 'digest',
  source,
  bindings: [
    { name: 'data', index: 0, access: 'read' },
    { name: 'states', index: 1, access: 'read_write' },
  ],
  constants: ['INVOCATIONS'],
  variants: [gpu, cpu],
  pick: (_shape: DigestShape, profile) => (profile.isCpu ? cpu : gpu),
  constantsOf: ({ numWorkgroups }, variant) => ({ INVOCATIONS: numWorkgroups * lanesOf(variant) }),
  workgroupsOf: ({ numWorkgroups }) => [numWorkgroups, 1, 1],
});
