// Reference of repack: every number read by quant's grid and put where quant's formats have it.
import {
  bf16ToF32,
  bitsToF32,
  f16ToF32,
  f32ToF16,
  type GridLayout,
  gridNumber,
  groupedPlanes,
  type Planes,
  type WeightFormatOptions,
} from '@pagemind/quant';
import type { RepackShape, RepackSource } from './repack.js';

/** Bits of a number of a checkpoint. */
export const SOURCE_BITS: Readonly<Record<RepackSource, GridLayout['bits']>> = {
  u4: 4,
  u8: 8,
  f16: 16,
  bf16: 16,
  f32: 32,
};

/** The tensors of a quantised matrix `[rows, cols]`, each whole. */
export interface RepackTensor {
  readonly shape: Pick<RepackShape, 'source' | 'layout' | 'added'>;
  readonly words: Uint32Array;
}

/** Bits of the f16 that a float of a checkpoint becomes. */
function halfOf(source: RepackSource, bits: number): number {
  return f32ToF16(source === 'f16' ? f16ToF32(bits) : source === 'bf16' ? bf16ToF32(bits) : bitsToF32(bits));
}

/** Planes of a matrix from the tensors of its planes; `rowOf` gives the row of the tensors that a row comes from. */
export function repackReference(
  rows: number,
  cols: number,
  options: WeightFormatOptions,
  tensors: Readonly<Record<'weight' | 'scales', RepackTensor>> &
    Readonly<Partial<Record<'zeros' | 'biases', RepackTensor>>>,
  rowOf: (row: number) => number = (row) => row,
): Planes {
  const numberOf = (tensor: RepackTensor | undefined, row: number, column: number): number => {
    if (!tensor) return 0;
    const { source, layout, added } = tensor.shape;
    const bits = SOURCE_BITS[source];
    const number = gridNumber(tensor.words, { ...layout, bits }, rowOf(row), column);
    return bits > 8 ? halfOf(source, number) : (number + added) % 2 ** bits;
  };
  return groupedPlanes(options.format === 'int8' ? 'int8' : 'int4', rows, cols, options, {
    code: (row, col) => numberOf(tensors.weight, row, col),
    scale: (row, group) => numberOf(tensors.scales, row, group),
    zero: (row, group) => numberOf(tensors.zeros, row, group),
    bias: (row, group) => numberOf(tensors.biases, row, group),
  });
}
