// Random weights for kernel tests, in any format: packed from numbers, or repacked from random blocks of GGUF's types.
import {
  type FloatFormatId,
  f32ToF16,
  floatFormats,
  type GgmlType,
  ggmlBlocks,
  ggmlWeightOptions,
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
  const values = weightFormats[options.format].unpack(planes, rows, cols, options);
  return { planes: planes as TestWeights['planes'], values };
}

/** The least number of columns from `wanted` on that a format can hold. */
export function fitColumns({ format }: WeightFormatOptions, wanted: number): number {
  const { columnMultiple } = weightFormats[format];
  return Math.ceil(wanted / columnMultiple) * columnMultiple;
}

/** Blocks of random codes, with scales and mins that make numbers of about `deviation`. */
export function makeBlocks(type: GgmlType, numBlocks: number, random: Random, deviation = 1): Uint8Array<ArrayBuffer> {
  const { bytes, scale, grid, codeBits } = ggmlBlocks[type];
  const blocks = Uint8Array.from({ length: numBlocks * bytes }, () => random.int(256));
  const view = new DataView(blocks.buffer);
  const multiple = { half: 1, pair: 1, k: 32, k16: 64 }[grid];
  for (let at = 0; at < blocks.length; at += bytes) {
    const size = (0.5 + random.uniform()) * (random.int(2) === 0 ? 1 : -1);
    const step = (size * deviation) / 2 ** (codeBits - 2) / multiple;
    view.setUint16(at + scale, f32ToF16(step), true);
    if (grid === 'pair' || grid === 'k') {
      view.setUint16(at + scale + 2, f32ToF16((random.normal() * deviation) / multiple), true);
    }
  }
  return blocks;
}

/** Q4_0 is left out: int4 can be packed from numbers. */
function ggmlTypeOf({ format }: WeightFormatOptions): GgmlType | undefined {
  const types = Object.keys(ggmlBlocks) as GgmlType[];
  return types.find((type) => format !== 'int4' && ggmlWeightOptions[type]?.format === format);
}
