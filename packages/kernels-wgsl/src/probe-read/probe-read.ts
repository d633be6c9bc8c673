// The bandwidth probe that benches put beside every speed.
import { defineKernel, type Kernel, type Variant } from '../kernel.js';
import source from './probe-read.wgsl';

/** A streaming read. */
export interface ProbeReadShape {
  /** 16-byte units to read. */
  readonly numUnits: number;
  readonly numWorkgroups: number;
}

const gpu: Variant = { id: 'gpu', knobs: { LANES: 256 }, flags: {}, slots: {}, requires: [] };
const cpu: Variant = { id: 'cpu', knobs: { LANES: 4 }, flags: {}, slots: {}, requires: [] };

const lanesOf = (variant: Variant): number => Number(variant.knobs['LANES']);

/** `sums[i]` = sum of the units that invocation `i` read; data `[numUnits]`, sums `[numWorkgroups * 256]` vec4<u32>. */
export const probeRead: Kernel<ProbeReadShape> = defineKernel({
  name: 'probe-read',
  source,
  bindings: [
    { name: 'data', index: 0, access: 'read' },
    { name: 'sums', index: 1, access: 'read_write' },
  ],
  constants: ['UNITS', 'INVOCATIONS'],
  variants: [gpu, cpu],
  pick: (_shape: ProbeReadShape, profile) => (profile.isCpu ? cpu : gpu),
  constantsOf: ({ numUnits, numWorkgroups }, variant) => ({
    UNITS: numUnits,
    INVOCATIONS: numWorkgroups * lanesOf(variant),
  }),
  workgroupsOf: ({ numWorkgroups }) => [numWorkgroups, 1, 1],
});
