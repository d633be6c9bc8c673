// moe-sort: every route has a place of its own in a tile of its expert, and tiles that nobody needs say so.
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { makeRandom } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { type MoeSortShape, maxExpertTiles, moeSort } from './moe-sort.js';

const NOBODY = 0xffffffff;

/** Rows, and how they choose: evenly, all the same expert, or no more than fit one tile. */
const cases: readonly (MoeSortShape & { readonly numRows: number; readonly spread: number })[] = [
  { numExperts: 8, numChosen: 2, tile: 32, numRows: 50, spread: 8 },
  { numExperts: 4, numChosen: 1, tile: 8, numRows: 33, spread: 1 },
  { numExperts: 256, numChosen: 8, tile: 32, numRows: 2, spread: 256 },
  { numExperts: 60, numChosen: 4, tile: 64, numRows: 97, spread: 20 },
  { numExperts: 1, numChosen: 1, tile: 8, numRows: 1, spread: 1 },
];

describe.each(moeSort.variants.map((variant) => [variant.id, variant] as const))('moe-sort: %s', (_id, variant) => {
  it.each(cases)('$numRows rows, $numChosen of $numExperts, tiles of $tile', async ({ numRows, spread, ...shape }) => {
    const test = await testDevice();
    const { numExperts, numChosen, tile } = shape;
    const random = makeRandom(numRows);
    const numRoutes = numRows * numChosen;
    const routes = new Uint32Array(2 * numRoutes);
    for (let row = 0; row < numRows; row++) {
      const first = random.int(spread);
      for (let choice = 0; choice < numChosen; choice++) {
        routes.set([row, (first + 3 * choice) % numExperts], 2 * (row * numChosen + choice));
      }
    }
    const numTiles = maxExpertTiles(shape, numRows);
    const buffers = {
      routes,
      routed_rows: Uint32Array.of(numRows),
      sorted: new Uint32Array(2 * numTiles * tile).fill(12345),
      places: new Uint32Array(numRoutes),
    };
    const { sorted, places } = await runKernels(test, [moeSort.plan(shape, test.profile, variant)], buffers);
    expect(new Set(places).size).toBe(numRoutes);
    places.forEach((place, route) => {
      expect(Array.from(sorted.subarray(2 * place, 2 * place + 2))).toEqual(
        Array.from(routes.subarray(2 * route, 2 * route + 2)),
      );
    });
    const taken = new Set(Array.from(places, (place) => Math.floor(place / tile)));
    const perExpert = new Map<number, number>();
    for (let route = 0; route < numRoutes; route++) {
      const expert = routes[2 * route + 1] ?? 0;
      perExpert.set(expert, (perExpert.get(expert) ?? 0) + 1);
    }
    expect(taken.size).toBe([...perExpert.values()].reduce((sum, count) => sum + Math.ceil(count / tile), 0));
    for (let at = 0; at < numTiles; at++) {
      const experts = Array.from({ length: tile }, (_, i) => sorted[2 * (at * tile + i) + 1]);
      if (taken.has(at)) {
        expect(new Set(experts).size, `experts of tile ${at}`).toBe(1);
        for (let i = 0; i < tile; i++) expect(sorted[2 * (at * tile + i)]).toBeLessThan(numRows);
      } else {
        expect(experts[0]).toBe(NOBODY);
      }
    }
  });
});

it('moe-sort: most tiles are those of experts that all have one route too many', () => {
  const shape = { numExperts: 8, numChosen: 2, tile: 32 };
  expect([1, 4, 5, 128, 512].map((numRows) => maxExpertTiles(shape, numRows))).toEqual([2, 8, 8, 15, 39]);
});
