// Gate and up rows as gated products take them: in one matrix, alternating.
import { type WeightPiece, wholeTensor } from '../load/weights.js';

/** Gate and up rows alternate in fours, so that one invocation holds both of an output. */
const INTERLEAVE = 4;

/** Rows of the fused gate and up matrix. */
export function gateUpRows(intermediateSize: number): number {
  return Math.ceil(intermediateSize / INTERLEAVE) * INTERLEAVE * 2;
}

/** The output of the up projection that row `row` of the fused matrix computes; undefined for rows of gate. */
export function upOutputOf(row: number): number | undefined {
  const place = row % (2 * INTERLEAVE);
  return place < INTERLEAVE ? undefined : Math.floor(row / (2 * INTERLEAVE)) * INTERLEAVE + place - INTERLEAVE;
}

/**
 * The rows of two tensors, or of the halves of one, from row `dst` of a matrix on. Of tensors that hold several such matrices,
 * one behind the other, `slice` says which.
 */
export function gateUpPieces(gate: string, up: string, intermediateSize: number, dst = 0, slice = 0): WeightPiece[] {
  return [gate, up].map((tensor, index) => ({
    ...wholeTensor(tensor, intermediateSize, dst + index * INTERLEAVE),
    firstRow: (gate === up ? 2 * slice + index : slice) * intermediateSize,
    block: INTERLEAVE,
    stride: 2 * INTERLEAVE,
  }));
}
