// The formats that keep GGUF's block-quantised weights as they are, to the last bit. Grids that int4 or int8 has become that;
// the others have formats of their own here: the low four bits of codes in the common tile layout, further bits in a plane of
// their own, scales and mins of a row-block's four rows together. What a block is in a file is blocks.ts.
import type { GgmlFormatId, PlaneBinding, PlaneName, Planes, WeightFormat, WeightFormatOptions } from '../../format.js';
import { bitsToF32, f16ToF32, f32ToBits } from '../../half.js';
import { GROUP, numBlocks, numGroups, tileBytes, wordIndex } from '../../tile-layout.js';
import { groupedPlanes } from '../grouped.js';
import { type GgmlGrid, GgmlReader, type GgmlType } from './blocks.js';
import wgsl from './ggml.wgsl';

/** What tells the formats apart. */
interface Layout {
  readonly id: GgmlFormatId;
  /** Bits of a code above the lowest four. */
  readonly highBits: 0 | 1 | 2;
  readonly grid: GgmlGrid;
}

const BLOCK_ROWS = 4;
/** Groups of 32 columns of a K block. */
const K_GROUPS = 8;

/**
 * Words of the plane `scales` for four rows. `half`: 32 columns, an f16 a row. `pair`: 32 columns, scale and min a row.
 * `k`: 256 columns; f32 scales of the rows, f32 mins, then for every 32 columns a byte a row of multiples of scales, and of
 * mins. `k16`: 256 columns; f32 scales, then for every 16 columns a byte a row.
 */
const SCALE_WORDS: Readonly<Record<GgmlGrid, number>> = { half: 2, pair: 4, k: 24, k16: 20 };

/** Columns that one entry of the plane `scales` is for. */
function scaleColumns(grid: GgmlGrid): number {
  return grid === 'k' || grid === 'k16' ? K_GROUPS * GROUP : GROUP;
}

/** Word of the main plane, and the shift inside it, of the low four bits of the code at `row`, `col`. */
function locateLow(row: number, col: number, groups: number): { word: number; shift: number } {
  const column = col % GROUP;
  const word = wordIndex(row, Math.floor(col / GROUP), Math.floor(column / 8), groups, 1);
  return { word, shift: (column % 4) * 8 + (column % 8 < 4 ? 0 : 4) };
}

/** The same in the plane `high`: `[blocks, groups, highBits]` of four words, one a row. */
function locateHigh(row: number, col: number, groups: number, highBits: number): { word: number; shift: number } {
  const quad = Math.floor((col % GROUP) / 4);
  const quadsOfWord = 8 / highBits;
  const group = Math.floor(row / BLOCK_ROWS) * groups + Math.floor(col / GROUP);
  const part = Math.floor(quad / quadsOfWord);
  return {
    word: (group * highBits + part) * BLOCK_ROWS + (row % BLOCK_ROWS),
    shift: (col % 4) * 8 + (quad % quadsOfWord) * highBits,
  };
}

function planeBytes({ highBits, grid }: Layout, rows: number, cols: number): Record<string, number> {
  const blocks = numBlocks(rows);
  const bytes = {
    weight: tileBytes(rows, cols, 1),
    scales: blocks * Math.ceil(cols / scaleColumns(grid)) * SCALE_WORDS[grid] * 4,
  };
  return highBits === 0 ? bytes : { ...bytes, high: blocks * numGroups(cols) * highBits * BLOCK_ROWS * 4 };
}

/** First word of the entry of `scales` for a row-block and the columns from `col` on. */
function scaleStart(grid: GgmlGrid, row: number, col: number, cols: number): number {
  const perRow = Math.ceil(cols / scaleColumns(grid));
  return (Math.floor(row / BLOCK_ROWS) * perRow + Math.floor(col / scaleColumns(grid))) * SCALE_WORDS[grid];
}

function unpack(layout: Layout, { weight, scales, high }: Planes, rows: number, cols: number): Float32Array {
  const { grid, highBits } = layout;
  const groups = numGroups(cols);
  const at = (plane: Uint32Array | undefined, word: number): number => plane?.[word] ?? 0;
  const half = (word: number, index: number): number => f16ToF32((at(scales, word) >>> (16 * index)) & 0xffff);
  const byte = (word: number, row: number): number => (at(scales, word) >>> (8 * row)) & 0xff;
  const values = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    const r = row % BLOCK_ROWS;
    for (let col = 0; col < cols; col++) {
      const low = locateLow(row, col, groups);
      let code = (at(weight, low.word) >>> low.shift) & 15;
      if (highBits > 0) {
        const place = locateHigh(row, col, groups, highBits);
        code |= ((at(high, place.word) >>> place.shift) & (2 ** highBits - 1)) << 4;
      }
      const start = scaleStart(grid, row, col, cols);
      const group = Math.floor(col / GROUP) % K_GROUPS;
      let value: number;
      if (grid === 'half') value = half(start + (r >> 1), r & 1) * (code - 16);
      else if (grid === 'pair') value = half(start + r, 0) * code + half(start + r, 1);
      else {
        const scale = bitsToF32(at(scales, start + r));
        if (grid === 'k') {
          const min = bitsToF32(at(scales, start + 4 + r)) * byte(start + 9 + 2 * group, r);
          value = scale * byte(start + 8 + 2 * group, r) * code - min;
        } else {
          const part = Math.floor(col / 16) % (2 * K_GROUPS);
          value = scale * ((byte(start + 4 + part, r) << 24) >> 24) * (code - 32);
        }
      }
      values[row * cols + col] = value; // f64 until here: rounded once
    }
  }
  return values;
}

/** Format with a grid of GGUF's; `cols` of its matrices is a multiple of {@link WeightFormat.columnMultiple}. */
function ggmlFormat(layout: Layout): WeightFormat {
  const { id, highBits, grid } = layout;
  const planeNames: readonly PlaneName[] = highBits === 0 ? ['weight', 'scales'] : ['weight', 'scales', 'high'];
  const slotBindings = planeNames.map((name, index): PlaneBinding => ({ name, index, access: 'read' }));
  return {
    id,
    unitsPerGroup: 1,
    columnMultiple: scaleColumns(grid),
    wgsl,
    slot: (options: WeightFormatOptions) => ({
      id,
      options,
      wgsl,
      knobs: { HIGH_BITS: highBits },
      flags: { high: highBits > 0, half: grid === 'half', pair: grid === 'pair', k: grid === 'k', k16: grid === 'k16' },
      slotBindings,
    }),
    planeBytes: (rows, cols) => planeBytes(layout, rows, cols),
    unpack: (planes, rows, cols) => unpack(layout, planes, rows, cols),
  };
}

const layouts: readonly Layout[] = [
  { id: 'q5_0', highBits: 1, grid: 'half' },
  { id: 'q5_1', highBits: 1, grid: 'pair' },
  { id: 'q4_k', highBits: 0, grid: 'k' },
  { id: 'q5_k', highBits: 1, grid: 'k' },
  { id: 'q6_k', highBits: 2, grid: 'k16' },
];

/** The formats by id. */
export const ggmlFormats: Readonly<Record<GgmlFormatId, WeightFormat>> = Object.fromEntries(
  layouts.map((layout) => [layout.id, ggmlFormat(layout)]),
) as Record<GgmlFormatId, WeightFormat>;

const own = (format: GgmlFormatId): WeightFormatOptions => ({ format, groupSize: 0, hasZeros: false });

/** The format that holds a type's blocks exactly. */
export const ggmlWeightOptions: Readonly<Record<GgmlType, WeightFormatOptions>> = {
  Q4_0: { format: 'int4', groupSize: 32, hasZeros: false },
  Q4_1: { format: 'int4', groupSize: 32, hasZeros: false, hasBiases: true },
  Q5_0: own('q5_0'),
  Q5_1: own('q5_1'),
  Q8_0: { format: 'int8', groupSize: 32, hasZeros: false },
  Q4_K: own('q4_k'),
  Q5_K: own('q5_k'),
  Q6_K: own('q6_k'),
};

/** Reference of the GPU's repacking: the planes that hold the blocks of a matrix `[rows, cols]`, row after row. */
export function repackGgml(type: GgmlType, bytes: Uint8Array, rows: number, cols: number): Planes {
  const reader = new GgmlReader(type, bytes);
  const options = ggmlWeightOptions[type];
  const { columns, bytes: blockBytes } = reader.block;
  const blockOf = (row: number, col: number): number => Math.floor((row * cols + col) / columns) * blockBytes;
  const layout = layouts.find(({ id }) => id === options.format);
  if (layout) return repackOwn(layout, reader, blockOf, rows, cols);
  return groupedPlanes(options.format === 'int4' ? 'int4' : 'int8', rows, cols, options, {
    code: (row, col) => reader.code(blockOf(row, col), col % columns),
    scale: (row, group) => reader.scaleBits(blockOf(row, group * columns)),
    bias: (row, group) => reader.minBits(blockOf(row, group * columns)),
    zero: () => 0,
  });
}

/** The planes of a format of GGUF's own. */
function repackOwn(
  layout: Layout,
  reader: GgmlReader,
  blockOf: (row: number, col: number) => number,
  rows: number,
  cols: number,
): Planes {
  const { grid, highBits } = layout;
  const { columns } = reader.block;
  const groups = numGroups(cols);
  const sizes = planeBytes(layout, rows, cols);
  const plane = (name: string): Uint32Array => new Uint32Array((sizes[name] ?? 0) / 4);
  const [weight, scales, high] = [plane('weight'), plane('scales'), plane('high')];
  const put = (target: Uint32Array, word: number, value: number, shift = 0): void => {
    target[word] = (target[word] ?? 0) | (value << shift);
  };
  for (let row = 0; row < rows; row++) {
    const r = row % BLOCK_ROWS;
    for (let col = 0; col < cols; col += columns) {
      const at = blockOf(row, col);
      for (let column = 0; column < columns; column++) {
        const code = reader.code(at, column);
        const low = locateLow(row, col + column, groups);
        put(weight, low.word, code & 15, low.shift);
        if (highBits === 0) continue;
        const place = locateHigh(row, col + column, groups, highBits);
        put(high, place.word, code >> 4, place.shift);
      }
      const start = scaleStart(grid, row, col, cols);
      if (grid === 'half') {
        put(scales, start + (r >> 1), reader.scaleBits(at), 16 * (r & 1));
      } else if (grid === 'pair') {
        put(scales, start + r, reader.scaleBits(at));
        put(scales, start + r, reader.minBits(at), 16);
      } else {
        put(scales, start + r, f32ToBits(f16ToF32(reader.scaleBits(at))));
        if (grid === 'k') put(scales, start + 4 + r, f32ToBits(f16ToF32(reader.minBits(at))));
        for (let group = 0; group < K_GROUPS; group++) {
          const { scale, min } =
            grid === 'k'
              ? reader.multiples(at, group)
              : { scale: reader.multiple16(at, 2 * group), min: reader.multiple16(at, 2 * group + 1) };
          const first = start + (grid === 'k' ? 8 : 4) + 2 * group;
          put(scales, first, scale & 0xff, 8 * r);
          put(scales, first + 1, min & 0xff, 8 * r);
        }
      }
    }
  }
  return highBits === 0 ? { weight, scales } : { weight, scales, high };
}
