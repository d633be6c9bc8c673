// Formats without scales: every weight is a float of 16 or 32 bits. Only the encoding differs between them.
import type { FloatFormat, FloatFormatId, WeightFormatOptions } from '../format.js';
import { GROUP, numGroups, tileBytes, UNIT_WORDS, wordIndex } from '../tile-layout.js';
import type { WgslModule } from '../wgsl-module.js';

interface PlainEncoding {
  readonly id: FloatFormatId;
  readonly wgsl: WgslModule;
  readonly flags: Readonly<Record<string, boolean>>;
  /** Bits of a weight, 16 or 32. */
  readonly width: number;
  /** Bits of an f32 value in this encoding. */
  encode(value: number): number;
  decode(bits: number): number;
}

/** Makes a format out of an encoding. */
export function plainFormat({ id, wgsl, flags, width, encode, decode }: PlainEncoding): FloatFormat {
  const perWord = 32 / width;
  const unitsPerGroup = GROUP / (perWord * UNIT_WORDS);
  /** Word of the plane, and the shift inside it, of the weight at `row`, `col`. */
  const locate = (row: number, col: number, groups: number): { word: number; shift: number } => {
    const column = col % GROUP;
    const word = wordIndex(row, Math.floor(col / GROUP), Math.floor(column / perWord), groups, unitsPerGroup);
    return { word, shift: (column % perWord) * width };
  };
  return {
    id,
    unitsPerGroup,
    columnMultiple: 1,
    wgsl,
    slot: (options: WeightFormatOptions) => ({
      id,
      options,
      wgsl,
      knobs: {},
      flags,
      slotBindings: [{ name: 'weight', index: 0, access: 'read' }],
    }),
    planeBytes: (rows, cols) => ({ weight: tileBytes(rows, cols, unitsPerGroup) }),
    pack(values, rows, cols) {
      const groups = numGroups(cols);
      const weight = new Uint32Array(tileBytes(rows, cols, unitsPerGroup) / 4);
      for (let row = 0; row < rows; row++) {
        for (let col = 0; col < cols; col++) {
          const { word, shift } = locate(row, col, groups);
          weight[word] = (weight[word] ?? 0) | (encode(values[row * cols + col] ?? 0) << shift);
        }
      }
      return { weight };
    },
    unpack({ weight }, rows, cols) {
      const groups = numGroups(cols);
      const values = new Float32Array(rows * cols);
      for (let row = 0; row < rows; row++) {
        for (let col = 0; col < cols; col++) {
          const { word, shift } = locate(row, col, groups);
          const bits = (weight?.[word] ?? 0) >>> shift;
          values[row * cols + col] = decode(width === 16 ? bits & 0xffff : bits);
        }
      }
      return values;
    },
  };
}
