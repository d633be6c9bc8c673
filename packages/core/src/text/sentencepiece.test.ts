// Small SentencePiece models of every kind. The ids and texts are those of the sentencepiece library 0.2.3.
import { describe, expect, it } from 'vitest';
import {
  BYTE_PIECES,
  type ModelSpec,
  SPECIAL_PIECES,
  writeCharsmap,
  writeSentencePiece,
} from '../testing/sentencepiece-writer.js';
import { createTokenizer } from './create-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/** Full width, ligature, no-break space, combining acute, half. */
const RULES = { Ａ: 'a', ﬁ: 'fi', '\u00a0': ' ', 'e\u0301': 'é', e: 'e', '½': '1/2', '\u200b': '' };

/** Models by name; each has ids enough to tell a wrong rule. */
const MODELS: Readonly<Record<string, ModelSpec>> = {
  bpe: {
    type: 'bpe',
    removeExtraWhitespaces: false,
    pieces: [
      ...SPECIAL_PIECES,
      ...['▁', 'a', 'b', 'c', 'é', '日', '[', ']'].map((text) => [text, -100] as const),
      ['aa', -1],
      ['▁a', -2],
      ['ab', -2],
      ['aab', -3],
      ['▁▁', -4],
      ['bc', -2],
      ['[c]', 0, 'userDefined'],
      ['[c][c]', 0, 'userDefined'],
    ],
  },
  unused: {
    type: 'bpe',
    byteFallback: true,
    pieces: [
      ...SPECIAL_PIECES,
      ...BYTE_PIECES,
      ...['▁', 'a', 'b', 'c'].map((text) => [text, -100] as const),
      ['ab', -1, 'unused'],
      ['abc', -2],
      ['d', -3, 'unused'],
    ],
  },
  unigram: {
    type: 'unigram',
    charsmap: writeCharsmap(RULES),
    pieces: [
      ...SPECIAL_PIECES,
      ...['▁', 'a', 'f', 'i', 'é', '1', '/', '2', '日'].map((text, i) => [text, -5 - i / 8] as const),
      ['▁a', -4],
      ['fi', -3],
      ['aa', -9.5],
      ['1/2', -6],
      ['ﬁ', 0, 'userDefined'],
      ['aaaa', 0, 'userDefined'],
    ],
  },
  suffix: {
    type: 'unigram',
    byteFallback: true,
    whitespaceIsSuffix: true,
    pieces: [...SPECIAL_PIECES, ...BYTE_PIECES, ['▁', -3], ['a', -2], ['a▁', -2.5], ['b', -2]],
  },
  plain: {
    type: 'unigram',
    addDummyPrefix: false,
    removeExtraWhitespaces: false,
    pieces: [...SPECIAL_PIECES, ['▁', -3], ['a', -2], ['▁▁', -5], ['b', -2]],
  },
};

const TEXTS = [
  'aaab',
  'aabc  ab',
  '  a  b ',
  '[c][c]a[c]',
  '日日é b',
  'abd',
  'Ａﬁ\u00a0\u00a0½',
  'e\u0301ae',
  'aaaaa',
  ' ',
  '',
  'a\u200b',
  '▁a▁',
];

/** Ids and decoded text of every model for every text. The library decodes what is unknown to ` ⁇ `. */
const EXPECTED: Readonly<Record<string, readonly (readonly [readonly number[], string])[]>> = {
  bpe: [
    [[3, 11, 13], 'aaab'],
    [[3, 11, 16, 3, 12, 5], 'aabc  ab'],
    [[15, 12, 15, 5, 3], '  a  b '],
    [[3, 18, 4, 17], '[c][c]a[c]'],
    [[3, 8, 8, 7, 3, 5], '日日é b'],
    [[12, 5, 0], 'ab ⁇ '],
    [[3, 0], ' ⁇ '],
    [[3, 0, 4, 0], ' ⁇ a ⁇ '],
    [[3, 11, 11, 4], 'aaaaa'],
    [[15], ' '],
    [[], ''],
    [[12, 0], 'a ⁇ '],
    [[3, 12, 3], ' a '],
  ],
  unused: [
    [[259, 260, 260, 260, 261], 'aaab'],
    [[259, 260, 264, 259, 260, 261], 'aabc ab'],
    [[259, 260, 259, 261], 'a b'],
    [[259, 94, 262, 96, 94, 262, 96, 260, 94, 262, 96], '[c][c]a[c]'],
    [[259, 233, 154, 168, 233, 154, 168, 198, 172, 259, 261], '日日é b'],
    [[259, 260, 261, 103], 'abd'],
    [[259, 242, 191, 164, 242, 175, 132, 197, 163, 197, 163, 197, 192], 'Ａﬁ  ½'],
    [[259, 104, 207, 132, 260, 104], 'éae'],
    [[259, 260, 260, 260, 260, 260], 'aaaaa'],
    [[], ''],
    [[], ''],
    [[259, 260, 229, 131, 142], 'a​'],
    [[259, 259, 260], 'a'],
  ],
  unigram: [
    [[12, 14, 0], 'aaa ⁇ '],
    [[12, 4, 0, 12, 0], 'aa ⁇  a ⁇ '],
    [[12, 3, 0], 'a  ⁇ '],
    [[3, 0, 4, 0], ' ⁇ a ⁇ '],
    [[3, 11, 11, 7, 3, 0], '日日é  ⁇ '],
    [[12, 0], 'a ⁇ '],
    [[12, 16, 3, 15], 'aﬁ 1/2'],
    [[3, 7, 4, 0], 'éa ⁇ '],
    [[12, 17], 'aaaaa'],
    [[], ''],
    [[], ''],
    [[12], 'a'],
    [[3, 12], 'a'],
  ],
  suffix: [
    [[260, 260, 260, 262, 259], 'aaab '],
    [[260, 260, 262, 102, 259, 260, 262, 259], 'aabc ab '],
    [[261, 262, 259], 'a b '],
    [[94, 102, 96, 94, 102, 96, 260, 94, 102, 96, 259], '[c][c]a[c] '],
    [[233, 154, 168, 233, 154, 168, 198, 172, 259, 262, 259], '日日é b '],
    [[260, 262, 103, 259], 'abd '],
    [[242, 191, 164, 242, 175, 132, 197, 163, 197, 163, 197, 192, 259], 'Ａﬁ  ½ '],
    [[104, 207, 132, 260, 104, 259], 'éae '],
    [[260, 260, 260, 260, 261], 'aaaaa '],
    [[], ''],
    [[], ''],
    [[260, 229, 131, 142, 259], 'a​ '],
    [[259, 261], 'a '],
  ],
  plain: [
    [[4, 4, 4, 6], 'aaab'],
    [[4, 4, 6, 0, 5, 4, 6], 'aab ⁇   ab'],
    [[5, 4, 5, 6, 3], '  a  b '],
    [[0, 4, 0], ' ⁇ a ⁇ '],
    [[0, 3, 6], ' ⁇  b'],
    [[4, 6, 0], 'ab ⁇ '],
    [[0], ' ⁇ '],
    [[0, 4, 0], ' ⁇ a ⁇ '],
    [[4, 4, 4, 4, 4], 'aaaaa'],
    [[3], ' '],
    [[], ''],
    [[4, 0], 'a ⁇ '],
    [[3, 4, 3], ' a '],
  ],
};

function load(name: string): Tokenizer {
  return createTokenizer({ vocabulary: writeSentencePiece(MODELS[name] as ModelSpec) });
}

describe.each(Object.keys(MODELS))('model %s', (name) => {
  const tokenizer = load(name);
  const cases = TEXTS.map((text, i) => [text, ...(EXPECTED[name]?.[i] ?? [[], ''])] as const);

  it.each(cases)('%j', (text, ids, decoded) => {
    expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
    expect(tokenizer.decode(ids).replaceAll('<unk>', ' ⁇ ')).toBe(decoded);
  });

  it('puts BOS first, and finds special tokens in text', () => {
    expect(tokenizer.encode('')).toEqual([1]);
    const a = tokenizer.encode('a', { addSpecialTokens: false });
    expect(tokenizer.encode('a</s>a')).toEqual([1, ...a, 2, ...a]);
    expect(tokenizer.decode([1, ...a, 2])).toBe(
      `<s>${name === 'suffix' || name === 'plain' ? 'a' : ' a'}${name === 'suffix' ? ' ' : ''}</s>`,
    );
    expect(tokenizer.decode([1, ...a, 2], { skipSpecialTokens: true }).trim()).toBe('a');
  });
});

describe('what other files say', () => {
  const vocabulary = writeSentencePiece(MODELS['bpe'] as ModelSpec);
  const config = (json: object): Tokenizer =>
    createTokenizer({ vocabulary, tokenizerConfigJson: JSON.stringify(json) });

  it('BOS and EOS are added as tokenizer_config.json has it', () => {
    expect(config({ add_bos_token: false, add_eos_token: true }).encode('a')).toEqual([12, 2]);
    const named = config({ bos_token: '[c]', eos_token: { content: '<s>' }, add_eos_token: true, add_bos_token: true });
    expect([named.bosId, named.eosId, named.encode('a')]).toEqual([17, 1, [17, 12, 1]]);
  });

  it('added tokens have ids of their own, or take those of pieces', () => {
    const tokenizer = createTokenizer({
      vocabulary,
      addedTokensJson: '{"<|im_end|>":40}',
      specialTokensMapJson: '{"additional_special_tokens":["<|im_end|>"]}',
      tokenizerConfigJson: JSON.stringify({
        added_tokens_decoder: { 18: { content: '<|im_start|>', special: true, rstrip: true }, 41: { content: 'xy' } },
      }),
    });
    expect(tokenizer.encode('<|im_start|>  axy<|im_end|>', { addSpecialTokens: false })).toEqual([18, 12, 41, 40]);
    expect(tokenizer.decode([18, 12, 41, 40])).toBe('<|im_start|> axy<|im_end|>');
    expect(tokenizer.decode([18, 12, 41, 40], { skipSpecialTokens: true })).toBe('axy');
    expect([tokenizer.vocabSize, [...tokenizer.specialIds]]).toEqual([42, [0, 1, 2, 40, 18]]);
  });

  it('behind a special token a text begins anew, unless legacy is off', () => {
    expect(config({}).encode('a</s>a')).toEqual([1, 12, 2, 12]);
    expect(config({ legacy: false }).encode('a</s>a')).toEqual([1, 12, 2, 4]);
  });

  it('ChatGLM2 puts two tokens before a text, which are not found in it', () => {
    const tokenizer = config({ tokenizer_class: 'ChatGLMTokenizer' });
    expect(tokenizer.encode('a')).toEqual([20, 22, 12]);
    expect(tokenizer.tokenToId('[gMASK]')).toBe(20);
    expect(tokenizer.encode('sop', { addSpecialTokens: false })).toEqual([3, 0]);
    expect(tokenizer.decode([20, 22, 12], { skipSpecialTokens: true })).toBe('a');
  });

  it.each([
    '{"added_tokens_decoder":{"x":{"content":"a"}}}',
    '{"added_tokens_decoder":{"7":{}}}',
    '{"added_tokens_decoder":{"99999999":{"content":"a"}}}',
    '{"added_tokens_decoder":{"__proto__":null,"7":null}}',
    '[]',
  ])('refuses %s', (tokenizerConfigJson) => {
    expect(() => createTokenizer({ vocabulary, tokenizerConfigJson })).toThrow(
      expect.objectContaining({ code: 'invalid_tokenizer', hint: expect.any(String) }),
    );
  });
});

it('tells the bytes of pieces', () => {
  const tokenizer = load('unused');
  const bytes = (token: string) => tokenizer.tokenBytes?.(tokenizer.tokenToId(token) ?? -1);
  expect(['▁', 'abc', '<0xE9>', '<s>'].map(bytes).map((all) => all && [...all])).toEqual([
    [0x20],
    [0x61, 0x62, 0x63],
    [0xe9],
    undefined,
  ]);
  expect(tokenizer.tokenBytes?.(9_999)).toBeUndefined();
});

it('accepts a piece of NUL', () => {
  const pieces = [...SPECIAL_PIECES, ['\0', -1], ['a', -2], ['\0a', -1]] as const;
  const tokenizer = createTokenizer({ vocabulary: writeSentencePiece({ type: 'bpe', addDummyPrefix: false, pieces }) });
  expect(tokenizer.encode('\0aa\0', { addSpecialTokens: false })).toEqual([5, 4, 3]);
  expect(tokenizer.decode([5, 4, 3])).toBe('\0aa\0');
});

it('cuts long texts that no rule splits', { timeout: 60_000 }, () => {
  const text = 'ab'.repeat(10_000);
  for (const name of ['bpe', 'suffix', 'plain']) {
    const tokenizer = load(name);
    expect(tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false })).trimEnd()).toBe(text);
  }
});
