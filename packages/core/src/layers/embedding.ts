// Token ids to the residual stream.
import { embed } from '@pagemind/kernels-wgsl';
import type { LoadedMatrix } from '../load/weight-loader.js';
import type { ForwardContext } from './context.js';

/** `residual[row]` = the table's row of the row's token, times `scale`; table `[vocab, hidden]`. */
export function embedding(ctx: ForwardContext, table: LoadedMatrix, residual: GPUBuffer, scale: number): void {
  const plan = embed.plan(
    { numRows: ctx.shape.numRows, width: table.numCols, vocab: table.numRows, scale, weights: table.options },
    ctx.profile,
  );
  const { rows, slotState } = ctx.buffers;
  ctx.dispatch(plan, { ...table.planes, rows, slot_state: slotState, residual });
}
