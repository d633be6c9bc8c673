// Quantised matrices as the checkpoints of others store them: AWQ's "gemm" layout, and both versions of GPTQ's. Reading them is
// the loader's work; docs/formats.md describes them.
import { type GridLayout, writeGrid } from './grid.js';
import type { QuantizedMatrix } from './matrix.js';

/** A tensor of a file: raw little-endian bytes. */
export interface StoredTensor {
  readonly dtype: 'F16' | 'I32';
  readonly shape: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Layouts of quantised checkpoints that can be written. */
export type StoredLayout = 'awq' | 'gptq' | 'gptq_v2';

/** Tensors of a matrix by the suffixes of their names. */
export function storeMatrix(matrix: QuantizedMatrix, layout: StoredLayout): Readonly<Record<string, StoredTensor>> {
  return layout === 'awq' ? storeAwq(matrix) : storeGptq(matrix, layout === 'gptq' ? 1 : 0);
}

const TRANSPOSED = { isTransposed: true, isAcross: false, isInterleaved: false } as const;

function storeAwq(matrix: QuantizedMatrix): Readonly<Record<string, StoredTensor>> {
  const { numRows, numCols, bits, groupSize } = matrix;
  const lines: GridLayout = { ...TRANSPOSED, isInterleaved: true, bits, pitch: numRows };
  const numGroups = numCols / groupSize;
  return {
    qweight: words([numCols, (numRows * bits) / 32], writeGrid(lines, numRows, numCols, codesOf(matrix))),
    qzeros: words([numGroups, (numRows * bits) / 32], writeGrid(lines, numRows, numGroups, zerosOf(matrix))),
    scales: scalesOf(matrix),
  };
}

/** @param less what is taken from zero points as they are stored: 1 in version 1, where 0 is stored as the largest code */
function storeGptq(matrix: QuantizedMatrix, less: number): Readonly<Record<string, StoredTensor>> {
  const { numRows, numCols, bits, groupSize } = matrix;
  const numGroups = numCols / groupSize;
  const codes: GridLayout = { ...TRANSPOSED, isAcross: true, bits, pitch: numRows };
  const zeros: GridLayout = { ...TRANSPOSED, bits, pitch: numRows };
  const zeroAt = zerosOf(matrix);
  const stored = (row: number, group: number): number => (zeroAt(row, group) - less) & (2 ** bits - 1);
  const groups = Int32Array.from({ length: numCols }, (_, column) => Math.floor(column / groupSize));
  return {
    qweight: words([(numCols * bits) / 32, numRows], writeGrid(codes, numRows, numCols, codesOf(matrix))),
    qzeros: words([numGroups, (numRows * bits) / 32], writeGrid(zeros, numRows, numGroups, stored)),
    scales: scalesOf(matrix),
    g_idx: words([numCols], groups),
  };
}

type NumberAt = (row: number, column: number) => number;

function codesOf({ codes, numCols }: QuantizedMatrix): NumberAt {
  return (row, column) => codes[row * numCols + column] as number;
}

function zerosOf({ zeros, numCols, groupSize }: QuantizedMatrix): NumberAt {
  return (row, group) => zeros[row * (numCols / groupSize) + group] as number;
}

/** `[numGroups, numRows]` */
function scalesOf({ scales, numRows, numCols, groupSize }: QuantizedMatrix): StoredTensor {
  const numGroups = numCols / groupSize;
  const turned = new Uint16Array(scales.length);
  for (let i = 0; i < turned.length; i++) {
    turned[i] = scales[(i % numRows) * numGroups + Math.floor(i / numRows)] as number;
  }
  return { dtype: 'F16', shape: [numGroups, numRows], data: new Uint8Array(turned.buffer) };
}

function words(shape: readonly number[], numbers: Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>): StoredTensor {
  return { dtype: 'I32', shape, data: new Uint8Array(numbers.buffer) };
}
