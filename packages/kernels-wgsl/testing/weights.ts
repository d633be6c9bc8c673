// Random weights for kernel tests, in any format: packed from numbers, or repacked from random blocks of GGUF's types.
import {
  type FloatFormatId,
  f32ToF16,
  floatFormats,
  type GgmlType,
  GROUP,
  ggmlBlocks,
  ggmlWeightOptions,
  groupTables,
  numGroups,
  type PlaneName,
  repackGgml,
  type WeightFormatOptions,
  weightFormats,
} from '@pagemind/quant';
import type { Random } from './parity.js';

/** A matrix as a kernel binds it, and the numbers that it holds. */
export interface TestWeights {
  readonly planes: Readonly<Record<PlaneName, Uint32Array>>;
  readonly values: Float32Array;
}

/** A matrix `[rows, cols]` with numbers of about `deviation`. */
export function makeWeights(
  options: WeightFormatOptions,
  rows: number,
  cols: number,
  random: Random,
  deviation = 1,
): TestWeights {
  const type = ggmlTypeOf(options);
  const planes = type
    ? repackGgml(type, makeBlocks(type, (rows * cols) / ggmlBlocks[type].columns, random, deviation), rows, cols)
    : floatFormats[options.format as FloatFormatId].pack(random.normals(rows * cols, deviation), rows, cols, options);
  if (planes.zeros && options.numTables) {
    groupTables(planes.zeros, rows, cols, options).forEach((_, column, tables) => {
      if (column % (numGroups(cols) * GROUP) < cols) tables[column] = random.int(Math.ceil(cols / options.groupSize));
    });
  }
  const values = weightFormats[options.format].unpack(planes, rows, cols, options);
  return { planes: planes as TestWeights['planes'], values };
}

/** The least number of columns from `wanted` on that a format can hold. With biases, padding would not be 0. */
export function fitColumns({ format, hasBiases }: WeightFormatOptions, wanted: number): number {
  const multiple = hasBiases ? GROUP : weightFormats[format].columnMultiple;
  return Math.ceil(wanted / multiple) * multiple;
}

/**
 * Blocks of random codes, with scales of either sign that make numbers of about `deviation` around 0. No block is far larger
 * than others: errors are measured by the size of all outputs, and few columns would not even that out.
 */
export function makeBlocks(type: GgmlType, numBlocks: number, random: Random, deviation = 1): Uint8Array<ArrayBuffer> {
  const { bytes, scale, grid, codeBits } = ggmlBlocks[type];
  const blocks = Uint8Array.from({ length: numBlocks * bytes }, () => random.int(256));
  const view = new DataView(blocks.buffer);
  const multiple = { half: 1, pair: 1, k: 32, k16: 64 }[grid];
  for (let at = 0; at < blocks.length; at += bytes) {
    const size = (0.9 + random.uniform() / 5) * (random.int(2) === 0 ? 1 : -1);
    const step = (size * deviation) / 2 ** (codeBits - 2) / multiple;
    const middle = 2 ** (codeBits - 1) * (0.9 + random.uniform() / 5);
    view.setUint16(at + scale, f32ToF16(step), true);
    if (grid === 'pair') view.setUint16(at + scale + 2, f32ToF16(-step * middle), true);
    // The file subtracts the mins of this grid.
    if (grid === 'k') view.setUint16(at + scale + 2, f32ToF16(step * middle), true);
    // Multiples of the scale: signed bytes before it.
    if (grid === 'k16')
      for (let i = 1; i <= 16; i++) view.setInt8(at + scale - i, (96 + random.int(32)) * (i % 2 ? 1 : -1));
  }
  return blocks;
}

/** The type whose blocks make up a format that numbers cannot be packed in. */
function ggmlTypeOf({ format }: WeightFormatOptions): GgmlType | undefined {
  const types = Object.keys(ggmlBlocks) as GgmlType[];
  return Object.hasOwn(floatFormats, format) ? undefined : types.find((t) => ggmlWeightOptions[t].format === format);
}
