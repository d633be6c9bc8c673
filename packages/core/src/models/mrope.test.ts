// Positions by frame, line and column: the stored ones of the goldens, and what tables make of them.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { idsOf } from '../testing/goldens.js';
import { readTensors } from '../testing/tensors.js';
import { tokenPositions } from './mrope.js';
import { RawConfig } from './raw-config.js';
import { needsOwnTable, readRope, ropeTable } from './rope.js';
import { placeInOrder } from './vlm/vlm-config.js';

const imageAt = (firstToken: number, rows: number, cols: number) => ({
  firstToken,
  numRows: rows * cols,
  image: { placement: { ...placeInOrder(rows * cols), grid: { rows, cols } } },
});

describeWithFixtures('the goldens', 'goldens/README.md', () => {
  it.each(['qwen2_vl', 'qwen2_5_vl'])('%s: positions and where text goes on', (name) => {
    const golden = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
    const ids = idsOf(golden, 'input_ids');
    const [, rows = 0, cols = 0] = idsOf(golden, 'image_grid_thw');
    const image = imageAt(ids.indexOf(198), rows / 2, cols / 2);
    const axes = tokenPositions([image], ids.length + 1).map((axis) => Array.from(axis));
    expect(axes.flatMap((axis) => axis.slice(0, -1))).toEqual(idsOf(golden, 'position_ids'));
    const [delta = 0] = idsOf(golden, 'rope_delta');
    expect(axes.map((axis) => axis.at(-1))).toEqual([0, 1, 2].map(() => ids.length + delta));
  });
});

describe('positions', () => {
  const positions = (...args: Parameters<typeof tokenPositions>) => tokenPositions(...args).map((a) => Array.from(a));

  it('of text count', () => {
    expect(positions([], 3)).toEqual([0, 1, 2].map(() => [0, 1, 2]));
  });

  it('go on behind the longer side of an image, and the next image begins there', () => {
    expect(positions([imageAt(1, 2, 1), imageAt(4, 1, 2)], 7)).toEqual([
      [0, 1, 1, 3, 4, 4, 6],
      [0, 1, 2, 3, 4, 4, 6],
      [0, 1, 1, 3, 4, 5, 6],
    ]);
  });

  it('end where a sequence may not go on', () => {
    expect(positions([imageAt(1, 2, 2)], 3)).toEqual([
      [0, 1, 1],
      [0, 1, 1],
      [0, 1, 2],
    ]);
  });
});

describe('mrope_section', () => {
  const read = (section: unknown) =>
    readRope(new RawConfig({ rope_theta: 100, rope_scaling: { type: 'mrope', mrope_section: section } }), 8, 64);

  it('gives every pair its axis', () => {
    const rope = read([1, 2, 1]);
    const table = ropeTable(rope, 1, 1, [[1], [2], [3]]);
    const angles = [1, 2 * 100 ** -0.25, 2 * 100 ** -0.5, 3 * 100 ** -0.75];
    angles.forEach((angle, pair) => {
      expect(table[2 * pair]).toBeCloseTo(Math.cos(angle), 6);
      expect(table[2 * pair + 1]).toBeCloseTo(Math.sin(angle), 6);
    });
    expect(ropeTable(rope, 5, 1)).toEqual(ropeTable(rope, 5, 1, tokenPositions([], 5)));
  });

  it('gives sequences with images a table of their own', () => {
    expect([needsOwnTable(read([1, 2, 1]), 5, true), needsOwnTable(read([1, 2, 1]), 5)]).toEqual([true, false]);
  });

  it.each([[[1, 2, 2]], [[1, 2]], [[-1, 4, 1]], [[0.5, 2, 1.5]], ['1,2,1']])('refuses %j', (section) => {
    expect(() => read(section)).toThrowError(expect.objectContaining({ code: 'invalid_config' }));
  });
});
