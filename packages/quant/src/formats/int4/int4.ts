// The int4 format: a unit is 32 codes of 4 bits; scales (f16) and zero points (u8) of a row-block's 4 rows lie together.
import type { FloatFormat, PlaneBinding, Planes, WeightFormatOptions } from '../../format.js';
import { f16ToF32 } from '../../half.js';
import { GROUP, numBlocks, numGroups, tileBytes, wordIndex } from '../../tile-layout.js';
import wgsl from './int4.wgsl';
import halfWgsl from './int4-half.wgsl';
import { quantizeGroup, SYMMETRIC_ZERO } from './quantize.js';

const UNITS_PER_GROUP = 1;

/** Word of the main plane, and the shift inside it, of the code at `row`, `col`. */
function locateCode(row: number, col: number, groups: number): { word: number; shift: number } {
  const column = col % GROUP;
  const word = wordIndex(row, Math.floor(col / GROUP), Math.floor(column / 8), groups, UNITS_PER_GROUP);
  // Codes 0-3 of a word are the low nibbles of its bytes, 4-7 the high ones: masked, both unpack in order.
  return { word, shift: (column % 4) * 8 + (column % 8 < 4 ? 0 : 4) };
}

/** Index of a row's scale or zero point in units of rows: [blocks, scale groups, 4]. */
function scaleIndex(row: number, scaleGroup: number, numScaleGroups: number): number {
  return (Math.floor(row / 4) * numScaleGroups + scaleGroup) * 4 + (row % 4);
}

function planeBytes(rows: number, cols: number, { groupSize, hasZeros }: WeightFormatOptions): Record<string, number> {
  const numScales = numBlocks(rows) * 4 * Math.ceil(cols / groupSize);
  const bytes = { weight: tileBytes(rows, cols, UNITS_PER_GROUP), scales: numScales * 2 };
  return hasZeros ? { ...bytes, zeros: numScales } : bytes;
}

function pack(values: Float32Array, rows: number, cols: number, options: WeightFormatOptions): Planes {
  const { groupSize, hasZeros } = options;
  const groups = numGroups(cols);
  const numScaleGroups = Math.ceil(cols / groupSize);
  const bytes = planeBytes(rows, cols, options);
  const weight = new Uint32Array((bytes['weight'] ?? 0) / 4);
  const scales = new Uint32Array((bytes['scales'] ?? 0) / 4);
  const zeros = new Uint32Array((bytes['zeros'] ?? 0) / 4);
  const scaleHalves = new Uint16Array(scales.buffer);
  const zeroBytes = new Uint8Array(zeros.buffer);
  for (let row = 0; row < rows; row++) {
    for (let group = 0; group < numScaleGroups; group++) {
      const first = group * groupSize;
      const end = Math.min(first + groupSize, cols);
      const quantized = quantizeGroup(values.subarray(row * cols + first, row * cols + end), hasZeros);
      scaleHalves[scaleIndex(row, group, numScaleGroups)] = quantized.scale;
      if (hasZeros) zeroBytes[scaleIndex(row, group, numScaleGroups)] = quantized.zero;
      // Columns that pad the last group of 32 hold the zero point: they must come out as 0.
      const paddedEnd = Math.min(first + groupSize, groups * GROUP);
      for (let col = first; col < paddedEnd; col++) {
        const { word, shift } = locateCode(row, col, groups);
        weight[word] = (weight[word] ?? 0) | ((quantized.codes[col - first] ?? quantized.zero) << shift);
      }
    }
  }
  return hasZeros ? { weight, scales, zeros } : { weight, scales };
}

function unpack(planes: Planes, rows: number, cols: number, options: WeightFormatOptions): Float32Array {
  const { weight, scales, zeros } = planes;
  const groups = numGroups(cols);
  const numScaleGroups = Math.ceil(cols / options.groupSize);
  const values = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const { word, shift } = locateCode(row, col, groups);
      const index = scaleIndex(row, Math.floor(col / options.groupSize), numScaleGroups);
      const scale = f16ToF32(((scales?.[index >> 1] ?? 0) >>> ((index % 2) * 16)) & 0xffff);
      const zero = zeros ? ((zeros[index >> 2] ?? 0) >>> ((index % 4) * 8)) & 0xff : SYMMETRIC_ZERO;
      values[row * cols + col] = ((((weight?.[word] ?? 0) >>> shift) & 15) - zero) * scale;
    }
  }
  return values;
}

function slotBindings(hasZeros: boolean): readonly PlaneBinding[] {
  const bindings: readonly PlaneBinding[] = [
    { name: 'weight', index: 0, access: 'read' },
    { name: 'scales', index: 1, access: 'read' },
    { name: 'zeros', index: 2, access: 'read' },
  ];
  return hasZeros ? bindings : bindings.slice(0, 2);
}

export const int4: FloatFormat = {
  id: 'int4',
  unitsPerGroup: UNITS_PER_GROUP,
  columnMultiple: 1,
  wgsl,
  slot: (options) => ({
    id: `int4-g${options.groupSize}${options.hasZeros ? '-zeros' : ''}`,
    options,
    wgsl,
    halfWgsl,
    knobs: { GROUP_SIZE: options.groupSize },
    flags: { zeros: options.hasZeros },
    slotBindings: slotBindings(options.hasZeros),
  }),
  planeBytes,
  pack,
  unpack,
};
