// The index formula against a walk through the plane.
import { describe, expect, it } from 'vitest';
import { numBlocks, numGroups, tileBytes, unitIndex } from './tile-layout.js';

/** Units in the order of the plane, by walking blocks, tiles, parts, rows and groups. */
function* inOrder(rows: number, groups: number, unitsPerGroup: number): Generator<[number, number, number]> {
  for (let block = 0; block < numBlocks(rows); block++) {
    for (let tile = 0; tile < groups; tile += 8) {
      for (let part = 0; part < unitsPerGroup; part++) {
        for (let row = 0; row < 4; row++) {
          for (let group = tile; group < Math.min(tile + 8, groups); group++) yield [block * 4 + row, group, part];
        }
      }
    }
  }
}

describe('the tile layout', () => {
  for (const [rows, cols, unitsPerGroup] of [
    [1, 1, 1],
    [4, 256, 4],
    [5, 257, 8],
    [9, 300, 1],
    [8, 520, 4],
  ] as const) {
    it(`numbers the units of ${rows} x ${cols} with ${unitsPerGroup} units a group without gaps`, () => {
      const groups = numGroups(cols);
      let expected = 0;
      for (const [row, group, part] of inOrder(rows, groups, unitsPerGroup)) {
        expect(unitIndex(row, group, part, groups, unitsPerGroup)).toBe(expected++);
      }
      expect(tileBytes(rows, cols, unitsPerGroup)).toBe(expected * 16);
    });
  }

  it('puts eight neighbouring groups of a row into one line', () => {
    expect(unitIndex(2, 9, 0, 16, 1)).toBe(32 + 16 + 1);
  });
});
