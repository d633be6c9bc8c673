// digest against its reference, exactly; buffers shorter and longer than the grid.
import { describeParity } from '../../testing/parity.js';
import { type DigestShape, digest } from './digest.js';
import { digestReference } from './digest.reference.js';

describeParity<DigestShape & { readonly numUnits: number }>({
  kernel: digest,
  shapes: [
    { numUnits: 1, numWorkgroups: 1 },
    { numUnits: 1025, numWorkgroups: 2 },
  ],
  makeCase(shape, variant, random) {
    const numInvocations = shape.numWorkgroups * Number(variant.knobs['LANES']);
    const data = Uint32Array.from({ length: shape.numUnits * 4 }, () => random.int(2 ** 32));
    const states = Uint32Array.from({ length: numInvocations * 4 }, () => random.int(2 ** 32));
    return { shape, buffers: { data, states }, expected: { states: digestReference(states, data) } };
  },
  tolerance: () => 0,
});
