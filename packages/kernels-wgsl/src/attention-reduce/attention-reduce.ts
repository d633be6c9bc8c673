// Merge of attention-decode's splits; only needed when a step has more than one.
import type { AttentionDecodeShape } from '../attention-decode/attention-decode.js';
import { defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import source from './attention-reduce.wgsl';

/** The merge of the splits of attention-decode. */
export type AttentionReduceShape = Pick<
  AttentionDecodeShape,
  'numRows' | 'headDim' | 'numQueryHeads' | 'splitSize' | 'outStride' | 'window'
>;

const LANES = 64;
const portable: Variant = { id: 'portable', knobs: { LANES }, flags: {}, slots: {}, requires: [] };

/** `out[row]` from the splits that `rows[row].position` sees keys in; padding of a row untouched. */
export const attentionReduce: Kernel<AttentionReduceShape> = defineKernel({
  name: 'attention-reduce',
  source,
  bindings: [
    { name: 'partials', index: 0, access: 'read' },
    { name: 'rows', index: 1, access: 'read' },
    { name: 'out', index: 2, access: 'read_write' },
  ],
  constants: ['D4', 'QUERY_HEADS', 'SPLIT', 'WINDOW', 'OUT_STRIDE'],
  variants: [portable],
  pick: () => portable,
  constantsOf: (shape: AttentionReduceShape) => ({
    D4: shape.headDim / 4,
    QUERY_HEADS: shape.numQueryHeads,
    SPLIT: shape.splitSize,
    WINDOW: shape.window ?? 0xffffffff,
    OUT_STRIDE: shape.outStride,
  }),
  workgroupsOf: ({ numQueryHeads, headDim, numRows }) => [tiles((numQueryHeads * headDim) / 4, LANES), numRows, 1],
});
