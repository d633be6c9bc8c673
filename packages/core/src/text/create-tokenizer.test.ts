// Which of a checkpoint's files its tokenizer is made from, and tiktoken and GPT-2 files made in the test.
import { describe, expect, it } from 'vitest';
import { SPECIAL_PIECES, writeSentencePiece } from '../testing/sentencepiece-writer.js';
import { tinyByteLevel } from '../testing/tiny-tokenizers.js';
import { createTokenizer, readTokenizerFiles, type TokenizerFiles } from './create-tokenizer.js';

const utf8 = new TextEncoder();
const encode = (files: TokenizerFiles, text: string): number[] =>
  createTokenizer(files).encode(text, { addSpecialTokens: false });

const byteLevel = tinyByteLevel();
const { vocab, merges } = byteLevel.json['model'] as { vocab: Record<string, number>; merges: string[] };
const MODEL = writeSentencePiece({ type: 'bpe', pieces: [...SPECIAL_PIECES, ['▁', 0], ['h', 0], ['▁h', 0]] });

/** Ranks of all bytes and of `more`. */
function ranks(...more: string[]): Uint8Array {
  const tokens = [...Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)), ...more];
  return utf8.encode(tokens.map((token, rank) => `${btoa(token)} ${rank}`).join('\n'));
}

describe('readTokenizerFiles', () => {
  const contents: Readonly<Record<string, Uint8Array>> = {
    'tokenizer.json': utf8.encode(byteLevel.text),
    'tokenizer.model': MODEL,
    'qwen.tiktoken': ranks(),
    'vocab.json': utf8.encode(JSON.stringify(vocab)),
    'merges.txt': utf8.encode(merges.join('\n')),
    'tokenizer_config.json': utf8.encode('{"tokenizer_class":"GPT2Tokenizer"}'),
    'added_tokens.json': utf8.encode('{"<x>":300}'),
    'special_tokens_map.json': utf8.encode('{}'),
  };
  const read = async (names: readonly string[]): Promise<string[] | undefined> => {
    const bytesOf = async (path: string) => (names.includes(path) ? contents[path] : undefined);
    const files = await readTokenizerFiles({
      readBytes: bytesOf,
      readText: async (path) => {
        const bytes = await bytesOf(path);
        return bytes && new TextDecoder().decode(bytes);
      },
    });
    return files && Object.entries(files).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  };

  it('prefers tokenizer.json, then a vocabulary, then vocab.json with merges.txt', async () => {
    const more = ['tokenizerConfigJson', 'addedTokensJson', 'specialTokensMapJson'];
    const names = Object.keys(contents);
    expect(await read(names)).toEqual(['tokenizerJson', ...more]);
    expect(await read(names.slice(1))).toEqual(['vocabulary', ...more]);
    expect(await read(names.slice(2))).toEqual(['vocabulary', ...more]);
    expect(await read(names.slice(3))).toEqual(['vocabJson', 'mergesTxt', ...more]);
    expect(await read(['vocab.json'])).toBeUndefined();
    expect(await read(['tokenizer_config.json'])).toBeUndefined();
  });
});

it('tells by content whether a vocabulary is SentencePiece or tiktoken', () => {
  const tokenizerConfigJson = '{"tokenizer_class":"QWenTokenizer"}';
  expect(encode({ vocabulary: MODEL }, 'h h')).toEqual([5, 5]);
  expect(encode({ vocabulary: ranks(), tokenizerConfigJson }, 'h h')).toEqual([0x68, 0x20, 0x68]);
});

it('refuses to make one of nothing', () => {
  expect(() => createTokenizer({})).toThrow(expect.objectContaining({ code: 'invalid_tokenizer' }));
});

describe('tiktoken', () => {
  const qwen = createTokenizer({
    vocabulary: ranks('ab', 'bc', 'abc', '\xc3\xa9', '12', ' a', '\n\n'),
    tokenizerConfigJson: '{"tokenizer_class":"QWenTokenizer"}',
  });
  const llama = createTokenizer({
    vocabulary: ranks('ab', 'bc', 'abc', '\xc3\xa9', '12', ' a', '\n\n'),
    tokenizerConfigJson: '{"tokenizer_class":"Llama3Tokenizer"}',
  });

  it.each<readonly [string, readonly number[]]>([
    ['abc', [258]],
    ['abbc', [256, 257]],
    ['é', [259]],
    ['e\u0301', [259]],
    ['12', [0x31, 0x32]],
    ['x ab', [0x78, 0x20, 256]],
    ['x ac', [0x78, 261, 0x63]],
    ['x\n\n  y', [0x78, 262, 0x20, 0x20, 0x79]],
    ['<|im_end|><|extra_204|><imgpad>', [265, 470, 479]],
    ['\ud800', [0xef, 0xbf, 0xbd]],
  ])('QWen: %j', (text, ids) => {
    expect(qwen.encode(text)).toEqual(ids);
  });

  it('Llama 3 keeps digits together, does not normalise, and begins with BOS', () => {
    expect(llama.encode('12e\u0301')).toEqual([263, 260, 0x65, 0xcc, 0x81]);
    expect(llama.encode('<|eot_id|>', { addSpecialTokens: false })).toEqual([272]);
    expect([llama.bosId, llama.eosId, llama.vocabSize]).toEqual([263, 264, 263 + 256]);
  });

  it('decodes bytes, and knows those of its tokens', () => {
    expect(qwen.decode([258, 259, 0xf0, 0x9f, 265])).toBe('abcé\uFFFD<|im_end|>');
    expect(qwen.decode([258, 265], { skipSpecialTokens: true })).toBe('abc');
    expect([qwen.tokenBytes?.(259), qwen.tokenBytes?.(265)]).toEqual([Uint8Array.of(0xc3, 0xa9), undefined]);
    expect([qwen.tokenToId('é'), qwen.tokenToId('<img>')]).toEqual([259, 477]);
  });
});

describe('vocab.json and merges.txt', () => {
  const files = { vocabJson: JSON.stringify(vocab), mergesTxt: `#version: 0.2\n${merges.join('\n')}\n` };

  it('are what their tokenizer.json is', () => {
    const whole = createTokenizer({ tokenizerJson: byteLevel.text });
    const joined = createTokenizer({ ...files, specialTokensMapJson: '{"eos_token":"<|end|>"}' });
    for (const text of ['hello wo', 'hello<|end|> 🙂', ' \n 12'])
      expect(joined.encode(text)).toEqual(whole.encode(text));
    expect([...joined.specialIds]).toEqual([0]);
  });

  it('split as the class in tokenizer_config.json does', () => {
    const tokenizerConfigJson = '{"tokenizer_class":"Qwen2TokenizerFast"}';
    expect(encode({ ...files, tokenizerConfigJson }, 'e\u0301')).toEqual(encode(files, 'é'));
    expect(() => createTokenizer({ ...files, tokenizerConfigJson: '{"tokenizer_class":"BertTokenizer"}' })).toThrow(
      expect.objectContaining({ code: 'invalid_tokenizer', message: expect.stringContaining('BertTokenizer') }),
    );
  });
});
