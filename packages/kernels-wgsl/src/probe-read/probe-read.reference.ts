// Reference of probe-read: exact integer sums.
import type { ProbeReadShape } from './probe-read.js';

/** Returns sums `[numWorkgroups * lanes, 4]`, modulo 2^32. */
export function probeReadReference(shape: ProbeReadShape, lanes: number, data: Uint32Array): Float64Array {
  const invocations = shape.numWorkgroups * lanes;
  const sums = new Float64Array(invocations * 4);
  for (let unit = 0; unit < shape.numUnits; unit++) {
    for (let i = 0; i < 4; i++) {
      const at = (unit % invocations) * 4 + i;
      sums[at] = ((sums[at] ?? 0) + (data[unit * 4 + i] ?? 0)) % 2 ** 32;
    }
  }
  return sums;
}
