// Second dispatch of sampling: draws one token per sampled row and advances its sequence.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import reduceSubgroup from '../lib/reduce-subgroup.wgsl';
import reduceWorkgroup from '../lib/reduce-workgroup.wgsl';
import lanesSubgroup from './lanes-subgroup.wgsl';
import lanesWorkgroup from './lanes-workgroup.wgsl';
import source from './sample-select.wgsl';
import type { SampleShape } from './sampling-buffers.js';

const workgroupSlots = { reduce: reduceWorkgroup, lanes: lanesWorkgroup };
const subgroupSlots = { reduce: reduceSubgroup, lanes: lanesSubgroup };

const portable: Variant = { id: 'portable', knobs: { DIGIT_BITS: 8 }, flags: {}, slots: workgroupSlots, requires: [] };
const subgroup: Variant = {
  id: 'subgroup',
  knobs: { DIGIT_BITS: 8 },
  flags: {},
  slots: subgroupSlots,
  requires: ['subgroups'],
};
// SwiftShader compiles a store for every word of workgroup memory: 1024 tokens were a quarter of an engine's compilation.
const narrow: Variant = {
  id: 'narrow',
  knobs: { DIGIT_BITS: 2, MAX_GATHERED: 256 },
  flags: {},
  slots: workgroupSlots,
  requires: [],
};

/**
 * Draws tokens from what {@link samplePrepare} left, in the same pass. Per sampled row: position and rope_row go up by
 * one; slot_state gets token, step and the done bit; counts and ring get the token. Rows whose slot was done stay as
 * they are, but for the bit that says so. Rows whose slot verifies proposals go to the ring alone.
 */
export const sampleSelect: Kernel<SampleShape> = defineKernel({
  name: 'sample-select',
  source,
  bindings: [
    { name: 'keys', index: 0, access: 'read' },
    { name: 'sample_rows', index: 1, access: 'read' },
    { name: 'rows', index: 2, access: 'read_write' },
    { name: 'slot_params', index: 3, access: 'read' },
    { name: 'slot_state', index: 4, access: 'read_write' },
    { name: 'counts', index: 5, access: 'read_write' },
    { name: 'partials', index: 6, access: 'read' },
    { name: 'ring', index: 7, access: 'read_write' },
  ],
  constants: ['VOCAB', 'LOGITS_STRIDE', 'VOCAB_STRIDE', 'RING'],
  variants: [portable, subgroup, narrow],
  pick(_shape: SampleShape, profile: DeviceProfile): Variant {
    if (profile.isCpu) return narrow;
    return supports(profile, subgroup) ? subgroup : portable;
  },
  constantsOf: ({ vocab, logitsStride, vocabStride, ring }) => ({
    VOCAB: vocab,
    LOGITS_STRIDE: logitsStride,
    VOCAB_STRIDE: vocabStride,
    RING: ring,
  }),
  workgroupsOf: ({ numSampled }) => [numSampled, 1, 1],
});
