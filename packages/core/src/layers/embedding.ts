// Token ids, and positions where they are learned, to the residual stream.
import { embed } from '@pagemind/kernels-wgsl';
import type { LoadedMatrix } from '../load/weight-loader.js';
import type { MatrixPart } from '../load/weight-parts.js';
import type { ForwardContext } from './context.js';

/** Rows of an embedding table. */
export type TablePart = MatrixPart<LoadedMatrix>;

/**
 * `residual[row]` = the table's row of the row's token, times `scale`; table `[vocab, hidden]`. A part of the table writes
 * the rows whose token it has.
 */
export function embedding(ctx: ForwardContext, table: readonly TablePart[], residual: GPUBuffer, scale: number): void {
  const { rows, slotState } = ctx.buffers;
  const vocab = table.reduce((sum, { count }) => sum + count, 0);
  for (const { matrix, first, count } of table) {
    const shape = { ...shapeOf(ctx, matrix), vocab, firstToken: first, numTokens: count, scale };
    ctx.dispatch(embed.plan(shape, ctx.profile), { ...matrix.planes, rows, slot_state: slotState, residual });
  }
}

/** `residual[row]` += the table's row of the row's position; table `[positions, hidden]`. */
export function addPositions(ctx: ForwardContext, table: LoadedMatrix, residual: GPUBuffer): void {
  const plan = embed.plan({ ...shapeOf(ctx, table), by: 'position' }, ctx.profile);
  ctx.dispatch(plan, { ...table.planes, rows: ctx.buffers.rows, residual });
}

function shapeOf({ shape }: ForwardContext, { numRows, numCols, options }: LoadedMatrix) {
  return { numRows: shape.numRows, width: numCols, vocab: numRows, weights: options };
}
