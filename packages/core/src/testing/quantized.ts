// The CPU reference of loading quantised matrices: every number read by quant's grid, put into planes by quant's formats.
import {
  bf16ToF32,
  bitsToF32,
  f16ToF32,
  f32ToF16,
  type GridLayout,
  gridNumber,
  groupedPlanes,
  type PlaneName,
  type Planes,
  writeTables,
} from '@pagemind/quant';
import type { QuantizedMatrix, QuantizedPart } from '../load/quantized.js';
import { tensorUnits } from '../load/weight-windows.js';

/** Words of a tensor, whole. */
async function wordsOf({ entry }: QuantizedPart): Promise<Uint32Array> {
  const bytes = new Uint8Array(Math.ceil(entry.length / 4) * 4);
  bytes.set(await entry.source.read(entry.offset, entry.length));
  return new Uint32Array(bytes.buffer);
}

/** What a part has at a row and column: a code, a zero point, or the bits of an f16. */
function readerOf(
  { source, layout, added }: QuantizedPart,
  words: Uint32Array,
): (row: number, column: number) => number {
  const { bytes, columns } = tensorUnits[source];
  const bits = ((bytes * 8) / columns) as GridLayout['bits'];
  const grid = { ...layout, bits };
  if (bits <= 8) return (row, column) => (gridNumber(words, grid, row, column) + added) % 2 ** bits;
  const value = { f16: f16ToF32, bf16: bf16ToF32, f32: bitsToF32 }[source as 'f16'];
  return (row, column) => f32ToF16(value(gridNumber(words, grid, row, column)));
}

/** Planes of a quantised matrix that stands alone. */
export async function planesOf(
  matrix: QuantizedMatrix,
): Promise<{ planes: Planes; options: QuantizedMatrix['options'] }> {
  const { numRows, numCols, parts, groupOf } = matrix;
  const options = { ...matrix.options, ...(groupOf && { hasZeros: true, numTables: 1 }) };
  const readers = new Map<PlaneName, (row: number, column: number) => number>();
  for (const part of parts) readers.set(part.plane, readerOf(part, await wordsOf(part)));
  const middle = options.format === 'int4' ? 8 : 128;
  const numberOf = (plane: PlaneName, row: number, column: number): number =>
    readers.get(plane)?.(row, column) ?? (plane === 'zeros' ? middle : 0);
  const planes = groupedPlanes(options.format === 'int4' ? 'int4' : 'int8', numRows, numCols, options, {
    code: (row, column) => numberOf('weight', row, column),
    scale: (row, group) => numberOf('scales', row, group),
    zero: (row, group) => numberOf('zeros', row, group),
    bias: (row, group) => numberOf('biases', row, group),
  });
  if (planes.zeros && groupOf) writeTables(planes.zeros, numRows, numCols, options, [groupOf]);
  return { planes, options };
}
