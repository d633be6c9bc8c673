// Searching by prefix, against a search that tries everything.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PrefixIndex } from './prefix-index.js';

const strings = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🙂'), maxLength: 5 }));

it('finds all strings that a text has at a place', () => {
  fc.assert(
    fc.property(strings, fc.string({ unit: fc.constantFrom('a', 'b', 'é', '🙂', 'x') }), (list, text) => {
      const index = new PrefixIndex(list);
      for (let at = 0; at <= text.length; at++) {
        const wanted = [...new Set(list)].filter((string) => string !== '' && text.startsWith(string, at));
        expect(index.matches(text, at)).toEqual(wanted.sort((a, b) => a.length - b.length));
      }
    }),
  );
});

it('splits a text into pieces that are the text again, the longest matches first', () => {
  const index = new PrefixIndex(['<a>', '<a><b>', 'ä', '']);
  expect([...index.split('x<a><b>yä<a>')]).toEqual([
    { text: 'x', isMatch: false },
    { text: '<a><b>', isMatch: true },
    { text: 'y', isMatch: false },
    { text: 'ä', isMatch: true },
    { text: '<a>', isMatch: true },
  ]);
  expect([...new PrefixIndex([]).split('abc')]).toEqual([{ text: 'abc', isMatch: false }]);
  expect([...index.split('')]).toEqual([]);
});
