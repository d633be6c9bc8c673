// The encoder cache's books: hits, eviction in order of use, and rows that are never held twice.
import { describe, expect, it } from 'vitest';
import { FeatureCache } from './feature-cache.js';

describe('FeatureCache', () => {
  it('finds what was reserved', () => {
    const cache = new FeatureCache(10);
    expect(cache.find('a')).toBeUndefined();
    expect(cache.reserve('a', 4)).toBe(0);
    expect(cache.reserve('b', 4)).toBe(4);
    expect([cache.find('a'), cache.find('b')]).toEqual([0, 4]);
  });

  it('evicts the least recently used one first', () => {
    const cache = new FeatureCache(10);
    cache.reserve('a', 5);
    cache.reserve('b', 5);
    cache.find('a');
    cache.reserve('c', 3);
    expect([cache.find('a'), cache.find('b'), cache.find('c')]).toEqual([0, undefined, 5]);
  });

  it('evicts as many as it takes to make one gap', () => {
    const cache = new FeatureCache(9);
    for (const hash of ['a', 'b', 'c']) cache.reserve(hash, 3);
    expect(cache.reserve('d', 6)).toBe(0);
    expect([cache.find('a'), cache.find('b'), cache.find('c')]).toEqual([undefined, undefined, 6]);
  });

  it('never gives a row to two images', () => {
    const cache = new FeatureCache(32);
    const sizes = Array.from({ length: 200 }, (_, i) => 1 + ((i * 7919) % 13));
    const owner = new Array<string>(32);
    sizes.forEach((numRows, i) => {
      const first = cache.reserve(`${i}`, numRows);
      expect(first + numRows).toBeLessThanOrEqual(32);
      owner.fill(`${i}`, first, first + numRows);
      for (let j = 0; j <= i; j++) {
        const found = cache.find(`${j}`);
        if (found === undefined) continue;
        expect(owner.slice(found, found + (sizes[j] ?? 0)).every((hash) => hash === `${j}`)).toBe(true);
      }
    });
  });

  it('refuses an image that never fits', () => {
    expect(() => new FeatureCache(4).reserve('a', 5)).toThrow();
  });
});
