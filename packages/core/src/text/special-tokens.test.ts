// Which files say which tokens end an answer, and what malformed ones get.
import { expect, it } from 'vitest';
import { tinyLlama } from '../testing/tiny-tokenizers.js';
import { createTokenizer } from './create-tokenizer.js';
import { readSpecialTokens, turnEndsOf } from './special-tokens.js';
import type { Tokenizer } from './tokenizer.js';

const tokenizer = createTokenizer({ tokenizerJson: tinyLlama().text });

it('unites the tokenizer’s EOS with those of generation_config.json', () => {
  const tokens = readSpecialTokens(
    {
      tokenizerConfigJson: JSON.stringify({ bos_token: '<s>', eos_token: { content: '</s>' } }),
      generationConfigJson: JSON.stringify({ eos_token_id: [9, 7] }),
      configJson: JSON.stringify({ eos_token_id: 5 }),
    },
    tokenizer,
  );
  expect(tokens).toEqual({ bosToken: '<s>', eosToken: '</s>', bosId: 1, stopIds: [2, 7, 9] });
});

it('falls back to special_tokens_map.json, config.json and the decoder’s part of it', () => {
  expect(readSpecialTokens({ specialTokensMapJson: '{"eos_token":"</s>"}' }, tokenizer).stopIds).toEqual([2]);
  expect(readSpecialTokens({ configJson: '{"eos_token_id":5,"bos_token_id":4}' }, tokenizer)).toMatchObject({
    bosId: 4,
    stopIds: [5],
  });
  const nested = JSON.stringify({ eos_token_id: null, text_config: { eos_token_id: [6] } });
  expect(readSpecialTokens({ configJson: nested }, tokenizer).stopIds).toEqual([6]);
  expect(readSpecialTokens({}, tokenizer)).toEqual({
    bosToken: undefined,
    eosToken: undefined,
    bosId: undefined,
    stopIds: [],
  });
});

it.each(['[]', '{', '{"eos_token_id":"2"}', '{"eos_token_id":[-1]}', '{"bos_token_id":{}}'])('refuses %s', (json) => {
  expect(() => readSpecialTokens({ generationConfigJson: json }, tokenizer)).toThrow(
    expect.objectContaining({ code: 'invalid_tokenizer', hint: expect.any(String) }),
  );
});

it('adds what ends a turn in the template, where the tokenizer has it', () => {
  const withEnd = { tokenToId: (token: string) => (token === '<|im_end|>' ? 9 : undefined) } as Tokenizer;
  const ends = turnEndsOf("{{ '<|im_start|>' + m.content + '<|im_end|>' }}{# or <|eot_id|> #}");
  expect(ends).toEqual(['<|im_end|>', '<|eot_id|>']);
  expect(readSpecialTokens({ configJson: '{"eos_token_id":5}' }, withEnd, ends).stopIds).toEqual([5, 9]);
});
