// What int4 and int8 have in common: codes of 4 or 8 bits in units of 16 bytes, and for every row and group of columns a
// scale (f16) and a zero point (u8) or a bias (f16), those of a row-block's 4 rows beside each other.
import type { FloatFormat, PlaneBinding, PlaneName, Planes, WeightFormatOptions } from '../format.js';
import { f16ToF32 } from '../half.js';
import { GROUP, numBlocks, numGroups, tileBytes, wordIndex } from '../tile-layout.js';
import type { WgslModule } from '../wgsl-module.js';
import { middleCode, type QuantizedGroup, quantizeGroup } from './quantize.js';

/** What the planes of a matrix hold, by row and column or group; {@link groupedPlanes} puts it in place. */
export interface GroupedNumbers {
  code(row: number, col: number): number;
  /** Bits of an f16. */
  scale(row: number, group: number): number;
  zero(row: number, group: number): number;
  /** Bits of an f16. */
  bias(row: number, group: number): number;
}

/** A format of grouped codes. */
interface GroupedEncoding {
  readonly id: 'int4' | 'int8';
  readonly bits: 4 | 8;
  readonly wgsl: WgslModule;
  readonly halfWgsl?: WgslModule;
  /** Instead of `wgsl` where tables name the groups of columns. */
  readonly tablesWgsl: WgslModule;
}

/** Makes a format out of an encoding. */
export function groupedFormat({ id, bits, wgsl, halfWgsl, tablesWgsl }: GroupedEncoding): FloatFormat {
  return {
    id,
    unitsPerGroup: bits / 4,
    columnMultiple: 1,
    wgsl,
    slot(options) {
      const { groupSize, hasZeros, hasBiases = false, numTables } = options;
      const kind = hasZeros ? '-zeros' : hasBiases ? '-biases' : '';
      return {
        id: `${id}-g${groupSize}${kind}${numTables ? '-tables' : ''}`,
        options,
        wgsl: numTables ? tablesWgsl : wgsl,
        ...(halfWgsl && !numTables && { halfWgsl }),
        knobs: { GROUP_SIZE: groupSize },
        flags: { zeros: hasZeros, biases: hasBiases },
        slotBindings: planeNames(options).map((name, index): PlaneBinding => ({ name, index, access: 'read' })),
      };
    },
    planeBytes: (rows, cols, options) => planeBytes(bits, rows, cols, options),
    pack(values, rows, cols, options) {
      const { groupSize, hasZeros, hasBiases } = options;
      const offset = hasZeros ? 'zero' : hasBiases ? 'bias' : 'none';
      const perRow = Math.ceil(cols / groupSize);
      const groups = Array.from({ length: rows * perRow }, (_, i): QuantizedGroup => {
        const first = Math.floor(i / perRow) * cols + (i % perRow) * groupSize;
        const count = Math.min(groupSize, cols - (i % perRow) * groupSize);
        return quantizeGroup(values.subarray(first, first + count), offset, bits);
      });
      const of = (row: number, group: number): QuantizedGroup => groups[row * perRow + group] as QuantizedGroup;
      return groupedPlanes(id, rows, cols, options, {
        code: (row, col) => of(row, Math.floor(col / groupSize)).codes[col % groupSize] ?? 0,
        scale: (row, group) => of(row, group).scale,
        zero: (row, group) => of(row, group).zero,
        bias: (row, group) => of(row, group).bias,
      });
    },
    unpack: (planes, rows, cols, options) => unpack(bits, planes, rows, cols, options),
  };
}

/**
 * Puts numbers into planes. Padding of the last 32 columns holds the zero point, so that it comes out as 0 (with a bias: as
 * the bias). Tables name the groups in order; {@link groupTables} gives them to be written over.
 */
export function groupedPlanes(
  id: 'int4' | 'int8',
  rows: number,
  cols: number,
  options: WeightFormatOptions,
  numbers: GroupedNumbers,
): Planes {
  const bits = id === 'int4' ? 4 : 8;
  const planes: Partial<Record<PlaneName, Uint32Array<ArrayBuffer>>> = Object.fromEntries(
    Object.entries(planeBytes(bits, rows, cols, options)).map(([name, bytes]) => [name, new Uint32Array(bytes / 4)]),
  );
  const { weight, scales, zeros, biases } = planes;
  const bytesOf = (plane: Uint32Array<ArrayBuffer> | undefined): ArrayBuffer => plane?.buffer ?? new ArrayBuffer(0);
  const scaleHalves = new Uint16Array(bytesOf(scales));
  const biasHalves = new Uint16Array(bytesOf(biases));
  const zeroBytes = new Uint8Array(bytesOf(zeros));
  const groups = numGroups(cols);
  const { groupSize } = options;
  if (zeros && options.numTables) writeTables(zeros, rows, cols, options, inOrder(cols, options));
  for (let row = 0; row < rows; row++) {
    for (let group = 0; group * groupSize < cols; group++) {
      const at = groupIndex(row, group, cols, groupSize);
      scaleHalves[at] = numbers.scale(row, group);
      if (biases) biasHalves[at] = numbers.bias(row, group);
      if (zeros) zeroBytes[zeroIndex(row, group, cols, options)] = numbers.zero(row, group);
    }
    for (let col = 0; col < groups * GROUP; col++) {
      const { word, shift } = locateCode(bits, row, col, groups);
      const zero = zeros ? numbers.zero(row, Math.floor(col / groupSize)) : biases ? 0 : middleCode(bits);
      const code = col < cols ? numbers.code(row, col) : zero;
      if (weight) weight[word] = (weight[word] ?? 0) | (code << shift);
    }
  }
  return planes;
}

/** The tables of a plane `zeros`: the group of every column, padding included, a table after the other. */
export function groupTables(zeros: Uint32Array, rows: number, cols: number, options: WeightFormatOptions): Uint16Array {
  const { numTables = 0, groupSize } = options;
  const start = numBlocks(rows) * (Math.ceil(cols / groupSize) + 1) * 4;
  return new Uint16Array(zeros.buffer, zeros.byteOffset + start, numTables * numGroups(cols) * GROUP);
}

/**
 * Writes tables into a plane `zeros`, and which one each block of rows uses.
 * @param tables the group of every column
 * @param tableOf number of the table of a block; by default they take turns
 */
export function writeTables(
  zeros: Uint32Array,
  rows: number,
  cols: number,
  options: WeightFormatOptions,
  tables: readonly Uint16Array[],
  tableOf: (block: number) => number = (block) => block % tables.length,
): void {
  const perRow = Math.ceil(cols / options.groupSize);
  const length = numGroups(cols) * GROUP;
  for (let block = 0; block < numBlocks(rows); block++) {
    zeros[block * (perRow + 1) + perRow] = numBlocks(rows) * (perRow + 1) + (tableOf(block) * length) / 2;
  }
  const halves = groupTables(zeros, rows, cols, options);
  halves.fill(perRow - 1);
  tables.forEach((table, number) => {
    halves.set(table, number * length);
  });
}

function inOrder(cols: number, { groupSize, numTables = 0 }: WeightFormatOptions): Uint16Array[] {
  const table = Uint16Array.from({ length: cols }, (_, col) => Math.floor(col / groupSize));
  return Array.from({ length: numTables }, () => table);
}

function planeNames({ hasZeros, hasBiases }: WeightFormatOptions): Exclude<PlaneName, 'high'>[] {
  return ['weight', 'scales', ...(hasZeros ? ['zeros' as const] : hasBiases ? ['biases' as const] : [])];
}

function planeBytes(
  bits: number,
  rows: number,
  cols: number,
  options: WeightFormatOptions,
): Partial<Record<PlaneName, number>> {
  const { groupSize, numTables = 0 } = options;
  const numScales = numBlocks(rows) * 4 * Math.ceil(cols / groupSize);
  const tables = numTables === 0 ? 0 : numBlocks(rows) * 4 + numTables * numGroups(cols) * GROUP * 2;
  const bytes = {
    weight: tileBytes(rows, cols, bits / 4),
    scales: numScales * 2,
    zeros: numScales + tables,
    biases: numScales * 2,
  };
  return Object.fromEntries(planeNames(options).map((name) => [name, bytes[name]]));
}

function unpack(
  bits: number,
  { weight, scales, zeros, biases }: Planes,
  rows: number,
  cols: number,
  options: WeightFormatOptions,
): Float32Array {
  const { groupSize, numTables } = options;
  const groups = numGroups(cols);
  const perRow = Math.ceil(cols / groupSize);
  const half = (plane: Uint32Array | undefined, index: number): number =>
    f16ToF32(((plane?.[index >> 1] ?? 0) >>> ((index % 2) * 16)) & 0xffff);
  /** Half word of the plane `zeros` where the table of a row begins. */
  const tableOf = (row: number): number => (zeros?.[Math.floor(row / 4) * (perRow + 1) + perRow] ?? 0) * 2;
  const groupOf = (row: number, col: number): number => {
    if (!numTables) return Math.floor(col / groupSize);
    const index = tableOf(row) + col;
    return ((zeros?.[index >> 1] ?? 0) >>> ((index % 2) * 16)) & 0xffff;
  };
  const values = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const { word, shift } = locateCode(bits, row, col, groups);
      const code = ((weight?.[word] ?? 0) >>> shift) & (2 ** bits - 1);
      const group = groupOf(row, col);
      const at = groupIndex(row, group, cols, groupSize);
      const scale = half(scales, at);
      const zeroAt = zeroIndex(row, group, cols, options);
      const zero = zeros ? ((zeros[zeroAt >> 2] ?? 0) >>> ((zeroAt % 4) * 8)) & 0xff : middleCode(bits);
      values[row * cols + col] = biases ? code * scale + half(biases, at) : (code - zero) * scale;
    }
  }
  return values;
}

/** Word of the main plane, and the shift inside it, of the code at `row`, `col`. */
function locateCode(bits: number, row: number, col: number, groups: number): { word: number; shift: number } {
  const column = col % GROUP;
  const perWord = 32 / bits;
  const word = wordIndex(row, Math.floor(col / GROUP), Math.floor(column / perWord), groups, bits / 4);
  // Codes 0-3 of an int4 word are the low nibbles of its bytes, 4-7 the high ones: masked, both unpack in order.
  return { word, shift: (column % 4) * 8 + (bits === 4 && column % 8 >= 4 ? 4 : 0) };
}

/** Index of a row's scale or bias: [blocks, groups, 4]. */
function groupIndex(row: number, group: number, cols: number, groupSize: number): number {
  return (Math.floor(row / 4) * Math.ceil(cols / groupSize) + group) * 4 + (row % 4);
}

/** Index of a row's zero point: as of a scale, but tables add a word to every block. */
function zeroIndex(row: number, group: number, cols: number, { groupSize, numTables }: WeightFormatOptions): number {
  return groupIndex(row, group, cols, groupSize) + (numTables ? Math.floor(row / 4) * 4 : 0);
}
