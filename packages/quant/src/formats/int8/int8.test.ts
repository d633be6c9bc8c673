// The order of codes and tables, and groups of scattered columns.
import { describe, expect, it } from 'vitest';
import { f32ToF16 } from '../../half.js';
import { groupedPlanes, groupTables, writeTables } from '../grouped.js';
import { int8 } from './int8.js';

describe('the layout', () => {
  it('puts columns 16c+4i .. of a group into word i of unit c, in order', () => {
    // Row 2 holds -128 .. -97: scale 1, the middle code is 128.
    const values = new Float32Array(96);
    values.set(
      Float32Array.from({ length: 32 }, (_, i) => (i === 0 ? -127 : i - 120)),
      64,
    );
    const { weight } = int8.pack(values, 3, 32, { format: 'int8', groupSize: 32, hasZeros: false });
    // One group: a tile is 1 wide, so unit = part * 4 + row.
    expect([...(weight?.subarray(2 * 4, 2 * 4 + 2) ?? [])]).toEqual([0x0b0a0901, 0x0f0e0d0c]);
    expect(weight?.[(4 + 2) * 4 + 3]).toBe(0x27262524);
  });
});

describe('tables', () => {
  const options = { format: 'int8', groupSize: 32, hasZeros: true, numTables: 2 } as const;
  const [rows, cols] = [8, 64];
  const planes = groupedPlanes('int8', rows, cols, options, {
    code: (row, col) => row * 16 + (col % 16),
    scale: (row, group) => f32ToF16(1 + row + group / 2),
    zero: (row, group) => 10 * row + group,
    bias: () => 0,
  });

  it('lie behind the zero points, each block naming its own', () => {
    const zeros = planes.zeros as Uint32Array;
    // Two blocks of two groups and a word; then two tables of 64 half words.
    expect(zeros.length).toBe(2 * 3 + 2 * 32);
    expect([zeros[2], zeros[5]]).toEqual([6, 6 + 32]);
    expect([...groupTables(zeros, rows, cols, options).subarray(30, 34)]).toEqual([0, 0, 1, 1]);
  });

  it('give every column the scale and zero point of its group', () => {
    const zeros = Uint32Array.from(planes.zeros as Uint32Array);
    const odd = Uint16Array.from({ length: cols }, (_, col) => col % 2);
    const even = Uint16Array.from({ length: cols }, (_, col) => 1 - (col % 2));
    writeTables(zeros, rows, cols, options, [odd, even], (block) => 1 - block);
    const values = int8.unpack({ ...planes, zeros }, rows, cols, options);
    const expected = Float32Array.from({ length: rows * cols }, (_, i) => {
      const [row, col] = [Math.floor(i / cols), i % cols];
      const group = row < 4 ? 1 - (col % 2) : col % 2;
      return (row * 16 + (col % 16) - (10 * row + group)) * (1 + row + group / 2);
    });
    expect(values).toEqual(expected);
  });
});
