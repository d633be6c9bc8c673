// Which tokens contain a word, and how often the vocabulary is looked through for it.
import { expect, it } from 'vitest';
import { createFakeTokenizer } from '../testing/fake-tokenizer.js';
import { tinyByteLevel } from '../testing/tiny-tokenizers.js';
import { createTokenizer } from './create-tokenizer.js';
import { tokenText } from './token-text.js';
import type { Tokenizer } from './tokenizer.js';
import { WordFinder } from './word-finder.js';

const tokenizer = createTokenizer({ tokenizerJson: tinyByteLevel().text });

it('finds the tokens that contain a word, wherever it stands in them', () => {
  const finder = new WordFinder(tokenizer);
  const [el, space, end, none] = finder.find(['el', ' ', '<|end|>', 'hello world']);
  const texts = (ids: readonly number[] = []) => ids.map((id) => tokenText(tokenizer, id).text);
  expect(texts(el)).toEqual(['hel', 'hell', 'hello']);
  expect(texts(space)).toEqual([' ', ' w', ' wo']);
  expect([end, none]).toEqual([[], []]);
});

it('looks through the vocabulary once for all new words, and never for known ones', () => {
  let numLookups = 0;
  const fake = createFakeTokenizer();
  const counted: Tokenizer = {
    ...fake,
    decode: (ids, options) => {
      numLookups++;
      return fake.decode(ids, options);
    },
  };
  const finder = new WordFinder(counted);
  const first = finder.find(['a', 'b', 'a']);
  const numOnce = numLookups;
  expect(numOnce).toBe(95);
  expect(finder.find(['b', 'a'])).toEqual([first[1], first[0]]);
  expect(numLookups).toBe(numOnce);
  finder.find(Array.from({ length: 256 }, (_, i) => `word ${i}`));
  finder.find(['a']);
  expect(numLookups, 'the oldest words are forgotten').toBe(3 * numOnce);
});

it('tells the text and the bytes of any token', () => {
  const id = tokenizer.encode('é', { addSpecialTokens: false })[0] ?? 0;
  expect(tokenText(tokenizer, id)).toEqual({ text: '\uFFFD', bytes: Uint8Array.of(0xc3) });
  expect(tokenText(tokenizer, 0).text).toBe('<|end|>');
  expect(tokenText(tokenizer, 9999)).toEqual({ text: '', bytes: new Uint8Array() });
});
