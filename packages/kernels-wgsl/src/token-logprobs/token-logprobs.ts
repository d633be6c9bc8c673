// How probable given tokens are: perplexity needs one number per token, not a row of logits.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import reduceSubgroup from '../lib/reduce-subgroup.wgsl';
import reduceWorkgroup from '../lib/reduce-workgroup.wgsl';
import source from './token-logprobs.wgsl';

/** Rows of logits, at most 65,535. */
export interface TokenLogprobsShape {
  readonly numRows: number;
  readonly vocab: number;
  /** Elements between rows. */
  readonly stride: number;
}

const portable: Variant = {
  id: 'portable',
  knobs: { LANES: 256 },
  flags: {},
  slots: { reduce: reduceWorkgroup },
  requires: [],
};
const subgroup: Variant = { ...portable, id: 'subgroup', slots: { reduce: reduceSubgroup }, requires: ['subgroups'] };
const narrow: Variant = { ...portable, id: 'narrow', knobs: { LANES: 16 } };

/** `logprobs[row] = log softmax(logits[row])[targets[row]]`; logits f32 `[numRows, stride]`, targets u32, logprobs f32. */
export const tokenLogprobs: Kernel<TokenLogprobsShape> = defineKernel({
  name: 'token-logprobs',
  source,
  bindings: [
    { name: 'logits', index: 0, access: 'read' },
    { name: 'targets', index: 1, access: 'read' },
    { name: 'logprobs', index: 2, access: 'read_write' },
  ],
  constants: ['VOCAB', 'STRIDE'],
  variants: [portable, subgroup, narrow],
  pick(_shape: TokenLogprobsShape, profile: DeviceProfile): Variant {
    if (profile.isCpu) return narrow;
    return supports(profile, subgroup) ? subgroup : portable;
  },
  constantsOf: ({ vocab, stride }) => ({ VOCAB: vocab, STRIDE: stride }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
