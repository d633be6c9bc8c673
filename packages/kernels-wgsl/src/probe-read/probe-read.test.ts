// probe-read against exact sums.
import { describeParity } from '../../testing/parity.js';
import { type ProbeReadShape, probeRead } from './probe-read.js';
import { probeReadReference } from './probe-read.reference.js';

describeParity<ProbeReadShape>({
  kernel: probeRead,
  shapes: [
    { numUnits: 1, numWorkgroups: 1 },
    { numUnits: 1025, numWorkgroups: 2 },
  ],
  makeCase(shape, variant, random) {
    const lanes = Number(variant.knobs['LANES']);
    const data = Uint32Array.from({ length: shape.numUnits * 4 }, () => random.int(2 ** 32));
    const sums = new Uint32Array(shape.numWorkgroups * lanes * 4);
    return { shape, buffers: { data, sums }, expected: { sums: probeReadReference(shape, lanes, data) } };
  },
  tolerance: () => 0,
});
