// Candidates of AWQ's search, made where they are tried. The exact grid, and what is stored in the end, is quant's awq.
import { defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import source from './pseudo-quantize.wgsl';

/** A matrix and its grid. */
export interface PseudoQuantizeShape {
  readonly numRows: number;
  /** A multiple of `groupSize`. */
  readonly numCols: number;
  /** Columns of a group, a multiple of 32. */
  readonly groupSize: number;
  readonly bits: 4 | 8;
  readonly isSymmetric: boolean;
}

const gpu: Variant = { id: 'gpu', knobs: { LANES: 64 }, flags: {}, slots: {}, requires: [] };
const cpu: Variant = { id: 'cpu', knobs: { LANES: 8 }, flags: {}, slots: {}, requires: [] };

/**
 * `result = round(weight * factors) / factors`: columns are multiplied, groups rounded to their grid, columns divided. weight
 * and result in the f32 format, factors f32 `[numCols]`. Divisions may round otherwise than in f64: a weight that lies
 * between two codes may take either.
 */
export const pseudoQuantize: Kernel<PseudoQuantizeShape> = defineKernel({
  name: 'pseudo-quantize',
  source,
  bindings: [
    { name: 'weight', index: 0, access: 'read' },
    { name: 'factors', index: 1, access: 'read' },
    { name: 'result', index: 2, access: 'read_write' },
  ],
  constants: ['NUM_ROWS', 'NUM_COLS', 'GROUP_SIZE', 'LAST', 'SYMMETRIC'],
  variants: [gpu, cpu],
  pick: (_shape: PseudoQuantizeShape, profile) => (profile.isCpu ? cpu : gpu),
  constantsOf: ({ numRows, numCols, groupSize, bits, isSymmetric }) => ({
    NUM_ROWS: numRows,
    NUM_COLS: numCols,
    GROUP_SIZE: groupSize,
    LAST: 2 ** bits - 1,
    SYMMETRIC: isSymmetric ? 1 : 0,
  }),
  workgroupsOf: ({ numRows, numCols, groupSize }, variant) => [
    tiles(numRows, Number(variant.knobs['LANES'])),
    numCols / groupSize,
    1,
  ],
});
