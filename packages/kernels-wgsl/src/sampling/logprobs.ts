// Third dispatch of sampling, only where log probabilities are wanted.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import reduceSubgroup from '../lib/reduce-subgroup.wgsl';
import reduceWorkgroup from '../lib/reduce-workgroup.wgsl';
import lanesSubgroup from './lanes-subgroup.wgsl';
import lanesWorkgroup from './lanes-workgroup.wgsl';
import source from './logprobs.wgsl';
import type { SampleShape } from './sampling-buffers.js';

const workgroupSlots = { reduce: reduceWorkgroup, lanes: lanesWorkgroup };
const subgroupSlots = { reduce: reduceSubgroup, lanes: lanesSubgroup };

const portable: Variant = { id: 'portable', knobs: { LANES: 64 }, flags: {}, slots: workgroupSlots, requires: [] };
const subgroup: Variant = {
  id: 'subgroup',
  knobs: { LANES: 64 },
  flags: {},
  slots: subgroupSlots,
  requires: ['subgroups'],
};
const narrow: Variant = { id: 'narrow', knobs: { LANES: 8 }, flags: {}, slots: workgroupSlots, requires: [] };

/**
 * Log probabilities of the tokens that {@link sampleSelect} drew in the same pass, and of the best ones, into the slots'
 * entries of `logprobs`: of the model's own distribution, before bias, penalties, masks, temperature and filters, as
 * OpenAI and vLLM have it. Within 1e-5 of f64 for logits up to 100, and 1e-6 of the logprob beyond that. Slots that ask for
 * none, or had ended before, stay as they are. `partials` is used up.
 */
export const logprobs: Kernel<SampleShape> = defineKernel({
  name: 'logprobs',
  source,
  bindings: [
    { name: 'logits', index: 0, access: 'read' },
    { name: 'sample_rows', index: 1, access: 'read' },
    { name: 'rows', index: 2, access: 'read' },
    { name: 'slot_params', index: 3, access: 'read' },
    { name: 'slot_state', index: 4, access: 'read' },
    { name: 'partials', index: 5, access: 'read_write' },
    { name: 'logprobs', index: 6, access: 'read_write' },
  ],
  constants: ['VOCAB', 'LOGITS_STRIDE', 'RING'],
  variants: [portable, subgroup, narrow],
  pick(_shape: SampleShape, profile: DeviceProfile): Variant {
    if (profile.isCpu) return narrow;
    return supports(profile, subgroup) ? subgroup : portable;
  },
  constantsOf: ({ vocab, logitsStride, ring }) => ({ VOCAB: vocab, LOGITS_STRIDE: logitsStride, RING: ring }),
  workgroupsOf: ({ numSampled }) => [numSampled, 1, 1],
});
