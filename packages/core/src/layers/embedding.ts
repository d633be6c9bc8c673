// Token ids, and positions where they are learned, to the residual stream.
import { embed } from '@pagemind/kernels-wgsl';
import type { LoadedMatrix } from '../load/weight-loader.js';
import type { ForwardContext } from './context.js';

/** `residual[row]` = the table's row of the row's token, times `scale`; table `[vocab, hidden]`. */
export function embedding(ctx: ForwardContext, table: LoadedMatrix, residual: GPUBuffer, scale: number): void {
  const plan = embed.plan({ ...shapeOf(ctx, table), scale }, ctx.profile);
  const { rows, slotState } = ctx.buffers;
  ctx.dispatch(plan, { ...table.planes, rows, slot_state: slotState, residual });
}

/** `residual[row]` += the table's row of the row's position; table `[positions, hidden]`. */
export function addPositions(ctx: ForwardContext, table: LoadedMatrix, residual: GPUBuffer): void {
  const plan = embed.plan({ ...shapeOf(ctx, table), by: 'position' }, ctx.profile);
  ctx.dispatch(plan, { ...table.planes, rows: ctx.buffers.rows, residual });
}

function shapeOf({ shape }: ForwardContext, { numRows, numCols, options }: LoadedMatrix) {
  return { numRows: shape.numRows, width: numCols, vocab: numRows, weights: options };
}
