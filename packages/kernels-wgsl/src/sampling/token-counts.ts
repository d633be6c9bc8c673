// The two small kernels that prepare a slot's counts when a sequence starts: clear, then mark.
import { defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import clearSource from './count-clear.wgsl';
import markSource from './count-mark.wgsl';

/** Shape of {@link countClear}. */
export interface CountClearShape {
  readonly numStarted: number;
  /** Elements between slots of counts. */
  readonly vocabStride: number;
}

/** Shape of {@link countMark}. */
export interface CountMarkShape {
  /** Upper bound of the marks; the buffer itself says how many there are. */
  readonly maxMarks: number;
  readonly vocab: number;
  /** Elements between slots of counts. */
  readonly vocabStride: number;
}

const CLEAR_TILE = 1024;
const MARK_TILE = 64;

const clear: Variant = {
  id: 'portable',
  knobs: { LANES: 256, PER_LANE: CLEAR_TILE / 256 },
  flags: {},
  slots: {},
  requires: [],
};
const mark: Variant = { id: 'portable', knobs: { LANES: MARK_TILE }, flags: {}, slots: {}, requires: [] };

/** Zeroes `counts` of the slots in `started_slots` [numStarted]. */
export const countClear: Kernel<CountClearShape> = defineKernel({
  name: 'count-clear',
  source: clearSource,
  bindings: [
    { name: 'started_slots', index: 0, access: 'read' },
    { name: 'counts', index: 1, access: 'read_write' },
  ],
  constants: ['VOCAB_STRIDE'],
  variants: [clear],
  pick: () => clear,
  constantsOf: ({ vocabStride }: CountClearShape) => ({ VOCAB_STRIDE: vocabStride }),
  workgroupsOf: ({ vocabStride, numStarted }) => [tiles(vocabStride, CLEAR_TILE), numStarted, 1],
});

/** Enters the tokens in `marks` (see `fillTokenMarks`) into `counts`. */
export const countMark: Kernel<CountMarkShape> = defineKernel({
  name: 'count-mark',
  source: markSource,
  bindings: [
    { name: 'marks', index: 0, access: 'read' },
    { name: 'counts', index: 1, access: 'read_write' },
  ],
  constants: ['VOCAB', 'VOCAB_STRIDE'],
  variants: [mark],
  pick: () => mark,
  constantsOf: ({ vocab, vocabStride }: CountMarkShape) => ({ VOCAB: vocab, VOCAB_STRIDE: vocabStride }),
  workgroupsOf: ({ maxMarks }) => [tiles(maxMarks, MARK_TILE), 1, 1],
});
