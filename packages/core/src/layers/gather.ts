// Moving rows: the one dispatch behind position tables, pixel shuffle, newline rows, shrunk grids, convolutions
// and placing images.
import { gatherRows as gatherRowsKernel } from '@pagemind/kernels-wgsl';
import { type KernelContext, rowStride } from './context.js';

/** Which rows become which; see {@link gatherRows}. */
export interface GatherShape {
  readonly numRows: number;
  /** Elements of a source row. */
  readonly width: number;
  /** Elements between source rows; default: padded as activations are. */
  readonly sourceStride?: number;
  /** Source rows that stand side by side in a destination row; default 1. */
  readonly groups?: number;
  /** They lie element by element, as a convolution's weights do; default: row by row. */
  readonly isInterleaved?: boolean;
  /** Source rows that are summed; default 1. */
  readonly taps?: number;
}

export interface GatherUse {
  /** f32 `[*, width]` */
  readonly source: GPUBuffer;
  /** f32 `[*, groups * width]` */
  readonly destination: GPUBuffer;
  /** u32 `[numRows, 1 + groups * taps]`: the destination row, then its source rows or NO_ROW of kernels-wgsl. */
  readonly index: GPUBuffer;
  /** f32 `[numRows, groups * taps]`; missing: all 1. */
  readonly weights?: GPUBuffer;
}

/** destination[index[r][0]] = the groups side by side, each a weighted sum of its taps' source rows. */
export function gatherRows(
  { profile, dispatch }: KernelContext,
  { numRows, width, sourceStride = rowStride(width), groups = 1, taps = 1, isInterleaved = false }: GatherShape,
  { source, destination, index, weights }: GatherUse,
): void {
  const shape = {
    numRows,
    width,
    sourceStride,
    destinationStride: rowStride(groups * width),
    groups,
    taps,
    isInterleaved,
  };
  const plan = gatherRowsKernel.plan({ ...shape, hasWeights: weights !== undefined }, profile);
  dispatch(plan, { source, destination, index, ...(weights && { weights }) });
}
