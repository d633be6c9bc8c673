// Merging with a heap, against merging by looking for the best pair every time.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mergePairs, type ScoreOf } from './merge.js';

function mergeSlowly(symbols: readonly string[], scoreOf: ScoreOf): string[] {
  const current = [...symbols];
  for (;;) {
    let best: { at: number; score: number } | undefined;
    for (let at = 0; at + 1 < current.length; at++) {
      const [left = '', right = ''] = current.slice(at, at + 2);
      const score = scoreOf(left + right, left, right);
      if (score !== undefined && (!best || score > best.score)) best = { at, score };
    }
    if (!best) return current;
    current.splice(best.at, 2, `${current[best.at]}${current[best.at + 1]}`);
  }
}

it('joins the best pair first, the leftmost of equals', () => {
  const letters = fc.constantFrom('a', 'b', 'c');
  const vocabulary = fc.dictionary(
    fc.string({ unit: letters, minLength: 2, maxLength: 6 }),
    fc.integer({ min: 0, max: 3 }),
  );
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 40 }), vocabulary, (symbols, scores) => {
      const scoreOf = (joined: string): number | undefined =>
        Object.hasOwn(scores, joined) ? scores[joined] : undefined;
      expect(mergePairs(symbols, scoreOf)).toEqual(mergeSlowly(symbols, scoreOf));
    }),
    { numRuns: 500 },
  );
});
