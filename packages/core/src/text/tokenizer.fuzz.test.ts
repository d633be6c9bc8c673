// Damaged tokenizer files: whatever the bytes are, a tokenizer comes out of them or a PagemindError.
import { describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import {
  BYTE_PIECES,
  bytesField,
  SPECIAL_PIECES,
  writeCharsmap,
  writeSentencePiece,
} from '../testing/sentencepiece-writer.js';
import { tinyByteLevel } from '../testing/tiny-tokenizers.js';
import { createTokenizer, type TokenizerFiles } from './create-tokenizer.js';

const utf8 = new TextEncoder();
const NUM_MUTANTS = 300;

/** A generator of numbers that is the same in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Bytes that matter to one of the formats. */
const NASTY = [0x00, 0x01, 0x0a, 0x7f, 0x80, 0xff, 0x20, 0x3d];

/** Overwrites, inserts, removes, repeats or cuts, once to four times. */
function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let mutant = [...bytes];
  for (let i = 0; i <= random(4); i++) {
    const at = random(mutant.length);
    const some = Array.from({ length: 1 + random(6) }, () => NASTY[random(NASTY.length)] ?? random(256));
    const kind = random(6);
    if (kind === 0) mutant.splice(at, some.length, ...some);
    else if (kind === 1) mutant.splice(at, 0, ...some);
    else if (kind === 2) mutant.splice(at, 1 + random(40));
    else if (kind === 3) mutant.splice(at, 0, ...mutant.slice(at, at + random(200)));
    else if (kind === 4) mutant[at] = (mutant[at] ?? 0) ^ (1 << random(8));
    else if (random(4) === 0) mutant = mutant.slice(0, at);
  }
  return Uint8Array.from(mutant);
}

function tiktoken(): Uint8Array {
  const tokens = [...Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)), 'ab', 'abc', ' a'];
  return utf8.encode(tokens.map((token, rank) => `${btoa(token)} ${rank}\n`).join(''));
}

const QWEN = JSON.stringify({ tokenizer_class: 'QWenTokenizer' });
const LETTERS = [...'abc1é🙂\n▁'].map((text, i) => [text, -i] as const);
const byteLevel = tinyByteLevel().json['model'] as { vocab: object; merges: string[] };

const SEEDS: Readonly<Record<string, { bytes: Uint8Array; files(mutant: Uint8Array): TokenizerFiles }>> = {
  'SentencePiece BPE': {
    bytes: writeSentencePiece({
      type: 'bpe',
      byteFallback: true,
      pieces: [
        ...SPECIAL_PIECES,
        ...BYTE_PIECES,
        ...LETTERS,
        ['ab', -1],
        ['abc', -1, 'unused'],
        ['[x]', 0, 'userDefined'],
      ],
    }),
    files: (vocabulary) => ({ vocabulary }),
  },
  'SentencePiece Unigram': {
    bytes: writeSentencePiece({
      type: 'unigram',
      charsmap: writeCharsmap({ Ａ: 'a', '½': '1/2', é: 'e', ' ': ' ' }),
      pieces: [...SPECIAL_PIECES, ...LETTERS, ['ab', -1], ['▁▁', 0, 'userDefined']],
    }),
    files: (vocabulary) => ({ vocabulary }),
  },
  tiktoken: { bytes: tiktoken(), files: (vocabulary) => ({ vocabulary, tokenizerConfigJson: QWEN }) },
  'merges.txt': {
    bytes: utf8.encode(byteLevel.merges.join('\n')),
    files: (mutant) => ({ vocabJson: JSON.stringify(byteLevel.vocab), mergesTxt: new TextDecoder().decode(mutant) }),
  },
  'tokenizer_config.json': {
    bytes: utf8.encode(
      JSON.stringify({
        tokenizer_class: 'QWenTokenizer',
        eos_token: '<|im_end|>',
        additional_special_tokens: ['<|im_start|>'],
        added_tokens_decoder: { 7: { content: 'x', special: true }, 900: { content: '<|y|>', lstrip: true } },
      }),
    ),
    files: (mutant) => ({ vocabulary: tiktoken(), tokenizerConfigJson: new TextDecoder().decode(mutant) }),
  },
};

describe.each(Object.entries(SEEDS))('%s', (name, { bytes, files }) => {
  it('is sound to begin with', () => {
    const tokenizer = createTokenizer(files(bytes));
    expect(tokenizer.encode('abc é').length).toBeGreaterThan(0);
  });

  it(`survives ${NUM_MUTANTS} mutants`, { timeout: 60_000 }, () => {
    const random = randomNumbers(name.length);
    let numRefused = 0;
    for (let i = 0; i < NUM_MUTANTS; i++) {
      const mutant = mutate(bytes, random);
      try {
        const tokenizer = createTokenizer(files(mutant));
        const ids = tokenizer.encode('abc [x] Ａ½é🙂  ab\n');
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize)).toBe(true);
        expect(typeof tokenizer.decode([...ids, 0, 5, 300, -1, 2 ** 40])).toBe('string');
        expect(tokenizer.vocabSize).toBeLessThanOrEqual(2 ** 22 + 1);
      } catch (error) {
        if (!(error instanceof PagemindError)) throw error;
        expect([error.code, typeof error.hint]).toEqual(['invalid_tokenizer', 'string']);
        numRefused++;
      }
    }
    expect(numRefused).toBeGreaterThan(NUM_MUTANTS / 20);
  });
});

const good = { type: 'bpe', pieces: [...SPECIAL_PIECES, ['a', 0]] } as const;

it.each<readonly [string, Uint8Array]>([
  ['no bytes', new Uint8Array(0)],
  ['a web page', utf8.encode('<!doctype html><p>404')],
  ['a Git LFS pointer', utf8.encode('version https://git-lfs.github.com/spec/v1\noid sha256:0\n')],
  ['a length of 4 GB', Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)],
  ['a length without end', Uint8Array.of(0x0a, ...new Uint8Array(20).fill(0xff))],
  ['a group', Uint8Array.of(0x0b, 0x0c)],
  ['a million empty pieces', new Uint8Array(2_000_000).map((_, i) => (i % 2 === 0 ? 0x0a : 0))],
  ['a piece twice', writeSentencePiece({ ...good, pieces: [...good.pieces, ['a', 1]] })],
  ['no unknown piece', writeSentencePiece({ ...good, pieces: [['a', 0]] })],
  ['a score that is no number', writeSentencePiece({ ...good, pieces: [...good.pieces, ['b', Number.NaN]] })],
  ['a piece of 5000 bytes', writeSentencePiece({ ...good, pieces: [...good.pieces, ['x'.repeat(5000), 0]] })],
  ['byte fallback without bytes', writeSentencePiece({ ...good, byteFallback: true })],
  ['rules for decoding', Uint8Array.of(...writeSentencePiece(good), ...bytesField(5, bytesField(2, [1, 2])))],
  ['rules without end', writeSentencePiece({ ...good, charsmap: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0) })],
  ['ranks that are not in order', utf8.encode('YQ== 1\nYg== 0\n')],
  ['ranks of no known family', tiktoken()],
  ['ranks without all bytes', utf8.encode('YQ== 0\n')],
  ['a rank in no base64', utf8.encode('YQ== 0\nYQ=YQ 1\n')],
])('refuses %s', (_, vocabulary) => {
  expect(() => createTokenizer({ vocabulary })).toThrow(
    expect.objectContaining({ name: 'PagemindError', code: 'invalid_tokenizer', hint: expect.any(String) }),
  );
});
