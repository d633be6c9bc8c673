// What holds for every format: round trips, sizes, and pads that come out as zero.
import { describe, expect, it } from 'vitest';
import { GROUP, numBlocks, numGroups } from '../tile-layout.js';
import { declaredWeightOptions, floatFormats, floatWeightOptions, weightFormats, weightSlot } from './registry.js';

/** Values that formats without scales hold exactly. */
function values(rows: number, cols: number): Float32Array {
  return Float32Array.from({ length: rows * cols }, (_, i) => (((i * 37) % 101) - 50) / 16);
}

describe.each(floatWeightOptions)('$format, groups of $groupSize, zeros $hasZeros', (options) => {
  const format = floatFormats[options.format];

  it.each([
    [1, 1],
    [3, 31],
    [4, 48],
    [5, 100],
    [6, 300],
  ])('packs and unpacks %i x %i', (rows, cols) => {
    const source = values(rows, cols);
    const planes = format.pack(source, rows, cols, options);
    const sizes = Object.fromEntries(Object.entries(planes).map(([name, plane]) => [name, plane?.byteLength]));
    expect(sizes).toEqual(format.planeBytes(rows, cols, options));
    const back = format.unpack(planes, rows, cols, options);
    const worst = Math.max(...back.map((value, i) => Math.abs(value - (source[i] ?? 0))));
    // Half a step; symmetric steps of int4 are a seventh of the largest magnitude. Zero points and biases are rounded too.
    const step = { int4: 50 / 16 / 7, int8: 50 / 16 / 127 }[options.format as 'int4' | 'int8'] ?? 0;
    expect(worst).toBeLessThanOrEqual(step * (options.hasBiases || options.format === 'int8' ? 1.1 : 0.501));
  });

  it('keeps pads at zero', () => {
    const [rows, cols] = [5, options.hasBiases ? 64 : 40];
    const planes = format.pack(values(rows, cols), rows, cols, options);
    const [allRows, allCols] = [numBlocks(rows) * 4, numGroups(cols) * GROUP];
    const padded = format.unpack(planes, allRows, allCols, options);
    const isPad = (i: number): boolean => i % allCols >= cols || Math.floor(i / allCols) >= rows;
    expect(padded.filter((value, i) => isPad(i) && value !== 0)).toEqual(new Float32Array(0));
  });
});

it.each(declaredWeightOptions)('$format $groupSize $hasZeros names its bindings as its planes', (options) => {
  const { slotBindings } = weightSlot(options);
  const planes = weightFormats[options.format].planeBytes(4, 256, options);
  expect(slotBindings.map(({ name }) => name)).toEqual(Object.keys(planes));
  expect(slotBindings.map(({ index }) => index)).toEqual(slotBindings.map((_, index) => index));
});
