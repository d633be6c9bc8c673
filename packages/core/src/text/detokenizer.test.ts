// Streaming against whole decoding on tokenizers made in the test: broken UTF-8, leading spaces, special tokens, bounded work.
import { expect, it, vi } from 'vitest';
import { tinyByteLevel, tinyLlama } from '../testing/tiny-tokenizers.js';
import { createTokenizer } from './create-tokenizer.js';
import { createDetokenizer, type DetokenizerOptions } from './detokenizer.js';
import type { Tokenizer } from './tokenizer.js';

const TOKENIZERS: [string, Tokenizer][] = [
  ['byte-level', createTokenizer({ tokenizerJson: tinyByteLevel().text })],
  ['Llama', createTokenizer({ tokenizerJson: tinyLlama().text })],
];

function stream(tokenizer: Tokenizer, ids: readonly number[], options?: DetokenizerOptions): string[] {
  const detokenizer = createDetokenizer(tokenizer, options);
  return [...ids.map((id) => detokenizer.push(id)), detokenizer.flush()];
}

/** A fixed sequence of ids, the special ones, unused ones and lone bytes among them. */
function randomIds(seed: number, length: number, numIds: number): number[] {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * numIds);
  });
}

it.each(TOKENIZERS)('joined pieces are the whole text: %s', (_, tokenizer) => {
  for (let seed = 0; seed < 200; seed++) {
    const ids = randomIds(seed, seed, tokenizer.vocabSize + 9);
    for (const skipSpecialTokens of [true, false]) {
      const whole = tokenizer.decode(ids, { skipSpecialTokens });
      expect(stream(tokenizer, ids, { skipSpecialTokens }).join('')).toBe(whole);
    }
  }
});

it.each(TOKENIZERS)('gives a character out when its last byte is there: %s', (_, tokenizer) => {
  const ids = tokenizer.encode('🙂hello', { addSpecialTokens: false });
  const pieces = stream(tokenizer, ids).filter(Boolean);
  expect(pieces[0]).toBe('🙂');
  expect(pieces.join('')).toBe('🙂hello');
});

it.each(TOKENIZERS)('gives a genuine U+FFFD out: %s', (_, tokenizer) => {
  const text = `a${'\uFFFD'.repeat(40)}`;
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  const pieces = stream(tokenizer, ids);
  expect(pieces.join('')).toBe(text);
  expect(pieces.at(-1)?.length).toBeLessThanOrEqual(3);
  expect(stream(tokenizer, [...ids, ...tokenizer.encode('hello', { addSpecialTokens: false })]).at(-1)).toBe('');
});

it.each(TOKENIZERS)('shows bytes that never make a character at the end: %s', (_, tokenizer) => {
  const [first = -1, second = -1] = tokenizer.encode('🙂', { addSpecialTokens: false }).slice(-4);
  expect(stream(tokenizer, [first, second])).toEqual(['', '', tokenizer.decode([first, second])]);
});

it('keeps the spaces that a Llama decoder drops at the start only', () => {
  const tokenizer = createTokenizer({ tokenizerJson: tinyLlama().text });
  const [hello = -1, world = -1] = [tokenizer.tokenToId('▁hello'), tokenizer.tokenToId('▁world')];
  const ids = Array.from({ length: 50 }, () => world);
  expect(stream(tokenizer, ids)).toEqual(['world', ...Array.from({ length: 49 }, () => ' world'), '']);
  expect(stream(tokenizer, [world], { context: [1, hello] })).toEqual([' world', '']);
  // 40 ids without a token in between do not make the next word a first word.
  expect(stream(tokenizer, [hello, ...Array.from({ length: 40 }, () => 9_999), world]).join('')).toBe('hello world');
});

it('leaves special tokens out unless told otherwise', () => {
  const tokenizer = createTokenizer({ tokenizerJson: tinyByteLevel().text });
  const ids = tokenizer.encode('hello<|end|> wo');
  expect(stream(tokenizer, ids).join('')).toBe('hello wo');
  expect(stream(tokenizer, ids, { skipSpecialTokens: false }).join('')).toBe('hello<|end|> wo');
});

it('decodes a bounded number of ids per token, however long the stream and whatever is in it', () => {
  const tokenizer = createTokenizer({ tokenizerJson: tinyByteLevel().text });
  const decode = vi.spyOn(tokenizer, 'decode');
  const continuation = tokenizer.encode('é')[1] ?? -1;
  const numIds = 2_000;
  const detokenizer = createDetokenizer(tokenizer);
  for (let i = 0; i < numIds; i++) detokenizer.push(continuation);
  const lengths = decode.mock.calls.map(([ids]) => ids.length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(17);
  expect(lengths.length).toBeLessThan(1.2 * numIds);
});
