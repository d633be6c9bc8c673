// A tokenizer for tests, made by a formula: ids are of one to three letters, so that text crosses their borders.
import type { Tokenizer } from '../text/tokenizer.js';

/** Ends an answer; special, as is {@link FAKE_BOS}. */
export const FAKE_EOS = 1;
export const FAKE_BOS = 0;

function tokenText(id: number): string {
  if (id === FAKE_BOS) return '<s>';
  if (id === FAKE_EOS) return '</s>';
  return 'abcdefg'.charAt(id % 7) + 'xyz'.slice(0, id % 3);
}

/** Encodes letters only as far as tests need it: one id per letter of `a` to `g`. */
export function createFakeTokenizer(vocabSize = 97): Tokenizer {
  const specialIds: ReadonlySet<number> = new Set([FAKE_BOS, FAKE_EOS]);
  return {
    vocabSize,
    bosId: FAKE_BOS,
    eosId: FAKE_EOS,
    specialIds,
    encode: (text, { addSpecialTokens = true } = {}) => [
      ...(addSpecialTokens ? [FAKE_BOS] : []),
      ...Array.from(text, (letter) => 21 + Math.max('abcdefg'.indexOf(letter), 0)),
    ],
    decode: (ids, { skipSpecialTokens = false } = {}) =>
      ids
        .filter((id) => !(skipSpecialTokens && specialIds.has(id)))
        .map(tokenText)
        .join(''),
    tokenToId: () => undefined,
  };
}
