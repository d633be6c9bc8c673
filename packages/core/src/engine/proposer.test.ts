// What n-grams propose: what followed the longest, latest repetition.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ngramProposer } from './proposer.js';

describe('the n-gram proposer', () => {
  it.each([
    ['nothing for what was never seen', [1, 2, 3, 4], []],
    ['nothing for a text that has hardly begun', [1], []],
    ['what followed the last ids', [1, 2, 3, 9, 8, 7, 1, 2, 3], [9, 8, 7, 1]],
    ['what followed the latest of equal places', [5, 1, 5, 2, 5], [2, 5, 2, 5]],
    ['what followed the longest of unequal places', [1, 2, 3, 9, 4, 3, 8, 1, 2, 3], [9, 4, 3, 8]],
    ['no more than three ids back', [7, 1, 2, 3, 9, 6, 1, 2, 3, 8, 7, 1, 2, 3], [8, 7, 1, 2]],
    ['a repetition that goes on', [4, 1, 2, 1, 2], [1, 2, 1, 2]],
    ['one id again and again', [6, 6], [6, 6, 6, 6]],
  ])('proposes %s', (_, ids, wanted) => {
    expect(ngramProposer(3).propose(ids, 4)).toEqual(wanted);
  });

  it('continues every periodic text as it goes on', () => {
    const period = fc.uniqueArray(fc.nat({ max: 50 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(period, fc.integer({ min: 1, max: 30 }), fc.nat({ max: 20 }), (ids, more, max) => {
        const at = (i: number): number => ids[i % ids.length] as number;
        const text = Array.from({ length: ids.length + more }, (__, i) => at(i));
        const wanted = Array.from({ length: max }, (__, i) => at(text.length + i));
        expect(ngramProposer(3).propose(text, max)).toEqual(wanted);
      }),
    );
  });

  it('proposes what stands behind a place with as many equal ids as there are anywhere, up to its most', () => {
    const text = fc.array(fc.nat({ max: 4 }), { maxLength: 40 });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 5 }), (ids, maxNgram) => {
        const [first] = ngramProposer(maxNgram).propose(ids, 1);
        let wanted: number | undefined;
        for (let length = maxNgram; length > 0 && wanted === undefined; length--) {
          const tail = ids.slice(-length).join();
          for (let end = ids.length - 1; end >= length && wanted === undefined && tail !== ''; end--) {
            if (ids.slice(end - length, end).join() === tail) wanted = ids[end];
          }
        }
        expect(first).toBe(wanted);
      }),
    );
  });
});
