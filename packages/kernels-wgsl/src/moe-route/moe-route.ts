// Chooses the experts of every row from the router's logits. Which rows then go through which expert together is
// moe-sort; the products are those of linear-matvec and linear-matmul.
import { type DeviceProfile, defineKernel, type Kernel, type Variant } from '../kernel.js';
import source from './moe-route.wgsl';

/** Most experts of a layer. */
export const MAX_EXPERTS = 256;
/** Most experts of a row. */
export const MAX_CHOSEN_EXPERTS = 32;

/** Router logits of some rows. */
export interface MoeRouteShape {
  readonly numRows: number;
  /** Row of the logits that is the first of them; 0 by default. */
  readonly firstRow?: number;
  /** At most {@link MAX_EXPERTS}. */
  readonly numExperts: number;
  /** Experts of a row, at most {@link MAX_CHOSEN_EXPERTS}. */
  readonly numChosen: number;
  /** Elements between rows of logits. */
  readonly stride: number;
  /** Shares are those of a softmax over the chosen experts instead of all. */
  readonly isNormalized: boolean;
  /** The logit behind the experts' is that of the shared expert's gate. */
  readonly hasSharedGate: boolean;
}

const variants: readonly Variant[] = [
  { id: 'wide', knobs: { LANES: 64 }, flags: {}, slots: {}, requires: [] },
  { id: 'narrow', knobs: { LANES: 1 }, flags: {}, slots: {}, requires: [] },
];

/**
 * Writes `routes` `[numRows, numChosen]`, the row and the experts by falling logit; `shares` f32 `[numRows, numChosen + 1]`,
 * what the output of each counts, and behind them that of the shared expert: sigmoid of its gate, or 1; and `routed_rows`,
 * the number of rows. Of equal logits the first wins.
 */
export const moeRoute: Kernel<MoeRouteShape> = defineKernel({
  name: 'moe-route',
  source,
  bindings: [
    { name: 'logits', index: 0, access: 'read' },
    { name: 'routes', index: 1, access: 'read_write' },
    { name: 'shares', index: 2, access: 'read_write' },
    { name: 'routed_rows', index: 3, access: 'read_write' },
  ],
  constants: ['NUM_EXPERTS', 'CHOSEN', 'STRIDE', 'FIRST_ROW', 'NORMALIZED', 'SHARED_GATE'],
  variants,
  pick: (_shape: MoeRouteShape, { isCpu }: DeviceProfile): Variant => variants[isCpu ? 1 : 0] as Variant,
  constantsOf: ({ firstRow = 0, numExperts, numChosen, stride, isNormalized, hasSharedGate }) => ({
    NUM_EXPERTS: numExperts,
    CHOSEN: numChosen,
    STRIDE: stride,
    FIRST_ROW: firstRow,
    NORMALIZED: isNormalized ? 1 : 0,
    SHARED_GATE: hasSharedGate ? 1 : 0,
  }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
