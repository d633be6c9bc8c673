// What makes two blocks alike, and how blocks are found, kept and forgotten.
import { describe, expect, it } from 'vitest';
import { placeInOrder } from '../models/vlm/vlm-config.js';
import type { ImageSpan } from '../runner/runner.js';
import { blockKey, PrefixCache } from './prefix-cache.js';

function span(hash: string, firstFeature: number, firstToken: number, numRows: number): ImageSpan {
  const image = { hash, tiles: new Float32Array(0), numTiles: 1, placement: placeInOrder(99) };
  return { image, firstFeature, firstToken, numRows };
}

describe('keys of blocks', () => {
  const key = blockKey([7, 5, 5, 8], [span('cat', 3, 1, 2)]);

  it('are equal for equal contents', () => {
    expect(blockKey([7, 5, 5, 8], [span('cat', 3, 1, 2)])).toBe(key);
    expect(blockKey([1, 2], [])).toBe(blockKey([1, 2], []));
  });

  it.each([
    ['another picture', [7, 5, 5, 8], [span('dog', 3, 1, 2)]],
    ['other rows of the picture', [7, 5, 5, 8], [span('cat', 2, 1, 2)]],
    ['rows in another place', [7, 5, 5, 8], [span('cat', 3, 2, 2)]],
    ['fewer rows', [7, 5, 5, 8], [span('cat', 3, 1, 1)]],
    ['text alone', [7, 5, 5, 8], []],
    ['another token', [7, 5, 5, 9], [span('cat', 3, 1, 2)]],
    ['tokens in another order', [5, 7, 5, 8], [span('cat', 3, 1, 2)]],
  ])('differ for %s', (_, ids, images) => {
    expect(blockKey(ids, images)).not.toBe(key);
  });

  it('differ where only the cuts between their parts differ', () => {
    expect(blockKey([12, 3], [])).not.toBe(blockKey([1, 23], []));
    const forged = span('cat",3,1,2],["dog', 0, 3, 1);
    expect(blockKey([1], [forged])).not.toBe(blockKey([1], [span('cat', 3, 1, 2), span('dog', 0, 3, 1)]));
  });
});

describe('PrefixCache', () => {
  it('finds the longest known start', () => {
    const cache = new PrefixCache();
    cache.publish(['a', 'b', 'c'], [5, 6, 7, 8]);
    cache.publish(['a', 'x'], [5, 9]);
    expect(cache.find(['a', 'b', 'c', 'd'])).toEqual([5, 6, 7]);
    expect(cache.find(['a', 'x', 'c'])).toEqual([5, 9]);
    expect(cache.find(['b', 'c'])).toEqual([]);
    expect(cache.find([])).toEqual([]);
    expect([5, 7, 8, 9].map((block) => cache.has(block))).toEqual([true, true, false, true]);
  });

  it('keeps the block that came first, and what continues another copy of it', () => {
    const cache = new PrefixCache();
    cache.publish(['a'], [1]);
    cache.publish(['a', 'b'], [2, 3]);
    expect(cache.find(['a', 'b'])).toEqual([1, 3]);
    expect(cache.has(2)).toBe(false);
  });

  it('forgets a block with all that continues it, until it is published again', () => {
    const cache = new PrefixCache();
    cache.publish(['a'], [1]);
    cache.publish(['a', 'b', 'c'], [2, 3, 4]);
    cache.publish(['z'], [5]);
    cache.forget(1);
    expect(cache.find(['a', 'b'])).toEqual([]);
    expect([1, 2, 3, 4, 5].filter((block) => cache.has(block))).toEqual([5]);
    cache.publish(['a', 'b', 'c', 'd'], [2, 3, 4, 6]);
    expect(cache.find(['a', 'b', 'c', 'd'])).toEqual([2, 3, 4, 6]);
    cache.forget(4);
    expect(cache.find(['a', 'b', 'c', 'd'])).toEqual([2, 3]);
    cache.forget(9);
  });

  it('refuses a block that holds something else', () => {
    const cache = new PrefixCache();
    cache.publish(['a'], [1]);
    expect(() => cache.publish(['b'], [1])).toThrow('something else');
    expect(() => cache.publish(['c'], [])).toThrow('something else');
  });
});
