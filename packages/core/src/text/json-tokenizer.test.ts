// The adapter on tokenizers made in the test: ids, text, bytes, and what it says to broken and hostile files.
import { expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { tinyByteLevel, tinyLlama } from '../testing/tiny-tokenizers.js';
import { createTokenizer } from './create-tokenizer.js';

const utf8 = new TextEncoder();

it('encodes and decodes byte-level BPE', () => {
  const tokenizer = createTokenizer({
    tokenizerJson: tinyByteLevel().text,
    tokenizerConfigJson: JSON.stringify({ eos_token: { content: '<|end|>' }, bos_token: null }),
  });
  const [hello = -1, wo = -1] = [tokenizer.tokenToId('hello'), tokenizer.tokenToId('Ġwo')];
  expect(tokenizer.encode('hello wo')).toEqual([hello, wo]);
  expect(tokenizer.encode('hello<|end|>')).toEqual([hello, 0]);
  expect(tokenizer.encode('')).toEqual([]);
  expect(tokenizer.decode([hello, 0, wo])).toBe('hello<|end|> wo');
  expect(tokenizer.decode([hello, 0, wo], { skipSpecialTokens: true })).toBe('hello wo');
  expect(tokenizer.decode([])).toBe('');
  expect(tokenizer.encode('🙂')).toHaveLength(4);
  expect(tokenizer.vocabSize).toBe(257 + 6);
  expect([tokenizer.bosId, tokenizer.eosId]).toEqual([undefined, 0]);
  expect([...tokenizer.specialIds]).toEqual([0]);
});

it('encodes and decodes Llama BPE', () => {
  const tokenizer = createTokenizer({
    tokenizerJson: tinyLlama().text,
    tokenizerConfigJson: JSON.stringify({ bos_token: '<s>', eos_token: '</s>' }),
  });
  const [hello = -1, world = -1] = [tokenizer.tokenToId('▁hello'), tokenizer.tokenToId('▁world')];
  expect(tokenizer.encode('hello world')).toEqual([1, hello, world]);
  expect(tokenizer.encode('hello world', { addSpecialTokens: false })).toEqual([hello, world]);
  expect(tokenizer.decode([hello, world])).toBe('hello world');
  expect([tokenizer.bosId, tokenizer.eosId]).toEqual([1, 2]);
});

it('leaves ids without a token out of the text', () => {
  const tokenizer = createTokenizer({ tokenizerJson: tinyLlama().text });
  const hello = tokenizer.tokenToId('▁hello') ?? -1;
  expect(tokenizer.decode([9_999, hello, -1, 0.5, Number.NaN])).toBe('hello');
  expect(tokenizer.decode([9_999])).toBe('');
});

it.each([
  ['byte-level', tinyByteLevel()],
  ['Llama', tinyLlama()],
])('keeps every character, U+FEFF and control characters too: %s', (_, { text }) => {
  const tokenizer = createTokenizer({ tokenizerJson: text });
  for (const sample of [
    'a\uFEFFb\uFEFF',
    '\uFEFF',
    'no .  clean , up',
    '\0\x7f\u0085\u2028',
    '你好\uFFFD🙂',
    '  hello  ',
  ]) {
    expect(tokenizer.decode(tokenizer.encode(sample, { addSpecialTokens: false }))).toBe(sample);
  }
});

it.each([
  ['byte-level', tinyByteLevel()],
  ['Llama', tinyLlama()],
])('tells the bytes of tokens: %s', (_, { text }) => {
  const tokenizer = createTokenizer({ tokenizerJson: text });
  const ids = tokenizer.encode('hello 🙂\n', { addSpecialTokens: false });
  const bytes = ids.flatMap((id) => [...(tokenizer.tokenBytes?.(id) ?? [])]);
  const space = text === tinyLlama().text ? ' ' : '';
  expect(bytes).toEqual([...utf8.encode(`${space}hello 🙂\n`)]);
  expect(tokenizer.tokenBytes?.(0)).toBeUndefined();
  expect(tokenizer.tokenBytes?.(9_999)).toBeUndefined();
});

it('spells unknown text in bytes where a Unigram model says so', () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => [
    `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    -20,
  ]);
  const unigram = (byteFallback: boolean): string =>
    JSON.stringify({
      ...tinyLlama().json,
      model: {
        type: 'Unigram',
        unk_id: 0,
        byte_fallback: byteFallback,
        vocab: [['<unk>', 0], ['<s>', 0], ['</s>', 0], ...bytes, ['▁', -1], ['a', -2], ['▁a', -1]],
      },
    });
  const tokenizer = createTokenizer({ tokenizerJson: unigram(true) });
  const a = tokenizer.tokenToId('▁a') ?? -1;
  expect(tokenizer.encode('aé', { addSpecialTokens: false })).toEqual([a, 3 + 0xc3, 3 + 0xa9]);
  expect(tokenizer.decode(tokenizer.encode('a é🙂', { addSpecialTokens: false }))).toBe('a é🙂');
  expect(createTokenizer({ tokenizerJson: unigram(false) }).encode('aé', { addSpecialTokens: false })).toEqual([a, 0]);
});

function broken(change: (json: ReturnType<typeof tinyLlama>['json']) => unknown): string {
  return JSON.stringify(change(tinyLlama().json));
}

function withModel(model: Record<string, unknown>): string {
  return broken((json) => ({ ...json, model: { ...(json['model'] as object), ...model } }));
}

function withAdded(...tokens: unknown[]): string {
  return broken((json) => ({ ...json, added_tokens: tokens }));
}

function namesNoToken(): string {
  const post_processor = { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<none>' } }] };
  return JSON.stringify({ ...tinyByteLevel().json, post_processor });
}

function deep(type: string, key: string): string {
  const levels = 20_000;
  const nested = `{"type":"${type}","${key}":[`.repeat(levels) + ']}'.repeat(levels);
  return broken((json) => ({ ...json, decoder: 'HERE' })).replace('"HERE"', nested);
}

it.each([
  ['no JSON', '<!doctype html>'],
  ['a list', '[]'],
  ['null', 'null'],
  ['no model', '{}'],
  ['no vocab', withModel({ vocab: null })],
  ['ids that are text', withModel({ vocab: { a: '1' } })],
  ['negative ids', withModel({ vocab: { a: -1 } })],
  ['ids without end', withModel({ vocab: { a: 2 ** 40 } })],
  ['no merges', withModel({ merges: undefined })],
  ['merges of numbers', withModel({ merges: [1, 2] })],
  ['merges of three', withModel({ merges: ['a b c'] })],
  ['merges of both kinds', withModel({ merges: [['a', 'b'], 'a b'] })],
  ['an unknown model', withModel({ type: 'Magic' })],
  ['a vocab of no pairs', withModel({ type: 'Unigram', vocab: [1] })],
  ['an empty vocab', withModel({ type: 'Unigram', vocab: [] })],
  ['added tokens that are no list', broken((json) => ({ ...json, added_tokens: {} }))],
  ['an added token that is null', withAdded(null)],
  ['an added token without id', withAdded({ content: 'a' })],
  ['an added token with a strange id', withAdded({ id: '__proto__', content: 'a' })],
  ['an added token without content', withAdded({ id: 1, content: { length: 1 } })],
  ['an unknown decoder', broken((json) => ({ ...json, decoder: { type: 'Magic' } }))],
  ['a decoder of text', broken((json) => ({ ...json, decoder: 'ByteLevel' }))],
  ['decoders that are no list', broken((json) => ({ ...json, decoder: { type: 'Sequence', decoders: 7 } }))],
  ['decoders in decoders in decoders', deep('Sequence', 'decoders')],
  [
    'a bad pattern',
    broken((json) => ({ ...json, normalizer: { type: 'Replace', pattern: { Regex: '(' }, content: '' } })),
  ],
  ['a post-processor that names no token', namesNoToken()],
  ['a post-processor without rules', broken((json) => ({ ...json, post_processor: { type: 'TemplateProcessing' } }))],
])('refuses %s', (_, tokenizerJson) => {
  const attempt = (): unknown => createTokenizer({ tokenizerJson });
  expect(attempt).toThrow(PagemindError);
  expect(attempt).toThrow(expect.objectContaining({ code: 'invalid_tokenizer', hint: expect.any(String) }));
});

it('refuses a config that is no object, and survives one full of nonsense', () => {
  const { text: tokenizerJson } = tinyLlama();
  expect(() => createTokenizer({ tokenizerJson, tokenizerConfigJson: '[' })).toThrow(
    expect.objectContaining({ code: 'invalid_tokenizer', cause: expect.any(SyntaxError) }),
  );
  const nonsense = { bos_token: 7, eos_token: { content: [] }, additional_special_tokens: { length: 3 } };
  const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfigJson: JSON.stringify(nonsense) });
  expect([tokenizer.bosId, tokenizer.eosId]).toEqual([undefined, undefined]);
});

it('does not let a file reach Object.prototype', () => {
  const { text } = tinyLlama();
  const hostile = text
    .replace('"vocab":{', '"vocab":{"__proto__":400,"constructor":401,"toString":402,')
    .replace('{', '{"__proto__":{"polluted":true},');
  const config = '{"__proto__":{"polluted":true,"eos_token":"</s>"}}';
  const tokenizer = createTokenizer({ tokenizerJson: hostile, tokenizerConfigJson: config });
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  expect(tokenizer.eosId).toBeUndefined();
  expect(tokenizer.tokenToId('__proto__')).toBe(400);
  expect(tokenizer.decode([400, 401])).toBe('__proto__constructor');
  expect(tokenizer.tokenToId('hasOwnProperty')).toBeUndefined();
});
