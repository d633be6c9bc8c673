// The end of a layer of experts: their outputs, each times its share, are added to the residual.
import { defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import source from './moe-mix.wgsl';

/** Rows of the residual and what is added to them. */
export interface MoeMixShape {
  readonly numRows: number;
  /** Row of the residual, and of the shared expert's outputs, that is the first of them; 0 by default. */
  readonly firstRow?: number;
  /** Elements between rows: a multiple of 32. */
  readonly stride: number;
  /** Experts of a row. */
  readonly numChosen: number;
  /** Outputs are where `places` of moe-sort say; else in the order of moe-route. */
  readonly isSorted: boolean;
  /** There is a shared expert. */
  readonly hasShared: boolean;
}

const LANES = 64;

const variants: readonly Variant[] = [false, true].flatMap((sorted) =>
  [false, true].map((shared) => ({
    id: `${sorted ? 'sorted' : 'plain'}${shared ? '-shared' : ''}`,
    knobs: { LANES },
    flags: { sorted, shared },
    slots: {},
    requires: [],
  })),
);

/**
 * `residual[row] += Σ shares[row][choice] * outputs[place] (+ shares[row][numChosen] * shared_outputs[row])`, all f32 rows of
 * `stride` elements.
 */
export const moeMix: Kernel<MoeMixShape> = defineKernel({
  name: 'moe-mix',
  source,
  bindings: [
    { name: 'outputs', index: 0, access: 'read' },
    { name: 'shares', index: 1, access: 'read' },
    { name: 'places', index: 2, access: 'read', flag: 'sorted' },
    { name: 'shared_outputs', index: 3, access: 'read', flag: 'shared' },
    { name: 'residual', index: 4, access: 'read_write' },
  ],
  constants: ['STRIDE', 'CHOSEN', 'FIRST_ROW'],
  variants,
  pick: ({ isSorted, hasShared }: MoeMixShape): Variant =>
    variants[(isSorted ? 2 : 0) + (hasShared ? 1 : 0)] as Variant,
  constantsOf: ({ stride, numChosen, firstRow = 0 }) => ({ STRIDE: stride, CHOSEN: numChosen, FIRST_ROW: firstRow }),
  workgroupsOf: ({ numRows, stride }) => [tiles(stride / 4, LANES), numRows, 1],
});
