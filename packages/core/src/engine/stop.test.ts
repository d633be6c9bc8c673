// Stop strings: found across pieces, held back until certain, never part of the text.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from './stop.js';

function run(stops: readonly string[], pieces: readonly string[]): { outputs: string[]; isStopped: boolean } {
  const matcher = new StopMatcher(stops);
  const outputs: string[] = [];
  for (const piece of pieces) {
    const { text, isStopped } = matcher.push(piece);
    outputs.push(text);
    if (isStopped) return { outputs, isStopped };
  }
  return { outputs: [...outputs, matcher.flush()], isStopped: false };
}

describe('StopMatcher', () => {
  const cases: [string, string[], string[], string[], boolean][] = [
    ['passes text through', [], ['ab', 'c'], ['ab', 'c', ''], false],
    ['cuts at a stop string', ['END'], ['one END two'], ['one '], true],
    ['finds one across pieces', ['END'], ['one E', 'N', 'D two'], ['one ', '', ''], true],
    ['gives held text back', ['END'], ['one E', 'NO'], ['one ', 'ENO', ''], false],
    ['gives held text back at the end', ['END'], ['one EN'], ['one ', 'EN'], false],
    ['holds back no more than can match', ['aab'], ['aaa', 'ab'], ['a', 'a'], true],
    ['takes the string that is complete first', ['abcd', 'c'], ['abcd'], ['ab'], true],
    ['takes the longest of those complete together', ['bc', 'abc'], ['xabc'], ['x'], true],
  ];
  it.each(cases)('%s', (_, stops, pieces, outputs, isStopped) => {
    expect(run(stops, pieces)).toEqual({ outputs, isStopped });
  });

  it('gives the same text however it is cut, without any stop string', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
    const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
        const { outputs, isStopped } = run(stops, pieces);
        const whole = pieces.join('');
        const letters = run(stops, Array.from(whole));
        expect(outputs.join('')).toBe(letters.outputs.join(''));
        expect(isStopped).toBe(letters.isStopped);
        expect(isStopped).toBe(stops.some((each) => whole.includes(each)));
        for (const each of stops) expect(outputs.join('')).not.toContain(each);
      }),
    );
  });
});
