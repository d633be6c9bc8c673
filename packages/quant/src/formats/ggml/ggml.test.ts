// GGUF's block types: what the bytes of a block stand for, and that repacking loses no bit of it.
import { describe, expect, it } from 'vitest';
import { f32ToF16 } from '../../half.js';
import { weightFormats } from '../registry.js';
import { dequantizeGgml, type GgmlType, ggmlBlocks } from './blocks.js';
import { ggmlWeightOptions, repackGgml } from './ggml.js';

const types = Object.keys(ggmlBlocks) as GgmlType[];

/** Blocks of every kind of code, with scales of both signs. */
function someBlocks(type: GgmlType, numBlocks: number): Uint8Array {
  const { bytes, scale, grid } = ggmlBlocks[type];
  const blocks = Uint8Array.from({ length: numBlocks * bytes }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
  const view = new DataView(blocks.buffer);
  for (let block = 0; block < numBlocks; block++) {
    view.setUint16(block * bytes + scale, f32ToF16((block % 7) * 0.0137 - 0.04), true);
    if (grid === 'pair' || grid === 'k') view.setUint16(block * bytes + scale + 2, f32ToF16(0.1 - block * 0.021), true);
  }
  return blocks;
}

describe('dequantizeGgml', () => {
  /** A block of zeros but for the given bytes. */
  function block(type: GgmlType, bytes: Readonly<Record<number, number>>): Uint8Array {
    const result = new Uint8Array(ggmlBlocks[type].bytes);
    for (const [at, value] of Object.entries(bytes)) result[Number(at)] = value;
    return result;
  }
  const [one, two] = [0x3c, 0x40]; // high bytes of the halves 1 and 2

  it.each<[GgmlType, Readonly<Record<number, number>>, Readonly<Record<number, number>>, number]>([
    // Type; bytes of the block; the columns that differ from the last number.
    ['Q4_0', { 1: one, 2: 0x9f }, { 0: 7, 16: 1 }, -8],
    ['Q4_1', { 1: one, 3: two, 5: 0x21 }, { 1: 3, 17: 4 }, 2],
    ['Q5_0', { 1: one, 2: 0x01, 5: 0x80, 6: 0x03, 21: 0x20 }, { 0: 3, 31: 2 }, -16],
    ['Q5_1', { 1: one, 3: two, 6: 0x01, 8: 0x40 }, { 16: 22 }, 2],
    ['Q8_0', { 1: two, 2: 0xff, 33: 0x7f }, { 0: -2, 31: 254 }, 0],
    // Sub-block 0 has scale 3 and min 1, sub-block 5 scale 2 + 1 * 16 and min 1.
    ['Q4_K', { 1: one, 3: one, 4: 3, 8: 1, 13: 0x12, 5: 0x40, 80: 0x50, 16: 0x07 }, { 0: 20, 160: 89 }, -1],
    ['Q5_K', { 1: one, 3: one, 4: 3, 8: 1, 16: 0x01, 48: 0x07 }, { 0: 68 }, -1],
    // Column 224 is in the last 32 of the second half: high nibbles of its second 32 bytes, bits 6-7, scale 14.
    ['Q6_K', { 209: one, 192: 1, 206: 0xff, 96: 0x50, 160: 0x40 }, { 224: 11 }, -32],
  ])('%s', (type, bytes, special, usual) => {
    const values = dequantizeGgml(type, block(type, bytes));
    for (const [column, value] of Object.entries(special)) expect(values[Number(column)]).toBe(value);
    expect(values[ggmlBlocks[type].columns === 32 ? 5 : 1]).toBe(usual);
  });
});

describe.each(types)('%s', (type) => {
  const { bytes, columns } = ggmlBlocks[type];
  const options = ggmlWeightOptions[type];

  it('is repacked without losing a bit', () => {
    const [rows, cols] = [6, 3 * columns];
    const blocks = someBlocks(type, (rows * cols) / columns);
    const planes = repackGgml(type, blocks, rows, cols);
    const format = weightFormats[options.format];
    const sizes = Object.fromEntries(Object.entries(planes).map(([name, plane]) => [name, plane?.byteLength]));
    expect(sizes).toEqual(format.planeBytes(rows, cols, options));
    expect(blocks.length % bytes).toBe(0);
    expect(format.unpack(planes, rows, cols, options)).toEqual(dequantizeGgml(type, blocks));
  });
});
