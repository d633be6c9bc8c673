// First dispatch of sampling: bias, penalties, masks, temperature and the best token of every chunk of the vocabulary.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import reduceSubgroup from '../lib/reduce-subgroup.wgsl';
import reduceWorkgroup from '../lib/reduce-workgroup.wgsl';
import lanesSubgroup from './lanes-subgroup.wgsl';
import lanesWorkgroup from './lanes-workgroup.wgsl';
import source from './sample-prepare.wgsl';
import { numSampleChunks, type SampleShape } from './sampling-buffers.js';

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
 * Makes keys of `logits`: plus bias, penalised, masked, divided by the temperature. Finds the best token of every chunk, and
 * writes the keys of rows that need them later, which are filtered ones (top-k, top-p, min-p). Rows whose slot is done are
 * skipped.
 */
export const samplePrepare: Kernel<SampleShape> = defineKernel({
  name: 'sample-prepare',
  source,
  bindings: [
    { name: 'logits', index: 0, access: 'read' },
    { name: 'sample_rows', index: 1, access: 'read' },
    { name: 'rows', index: 2, access: 'read' },
    { name: 'slot_params', index: 3, access: 'read' },
    { name: 'slot_state', index: 4, access: 'read' },
    { name: 'counts', index: 5, access: 'read' },
    { name: 'partials', index: 6, access: 'read_write' },
    { name: 'keys', index: 7, access: 'read_write' },
  ],
  constants: ['VOCAB', 'LOGITS_STRIDE', 'VOCAB_STRIDE'],
  variants: [portable, subgroup, narrow],
  pick(_shape: SampleShape, profile: DeviceProfile): Variant {
    if (profile.isCpu) return narrow;
    return supports(profile, subgroup) ? subgroup : portable;
  },
  constantsOf: ({ vocab, logitsStride, vocabStride }) => ({
    VOCAB: vocab,
    LOGITS_STRIDE: logitsStride,
    VOCAB_STRIDE: vocabStride,
  }),
  workgroupsOf: ({ vocab, numSampled }) => [numSampleChunks(vocab), numSampled, 1],
});
