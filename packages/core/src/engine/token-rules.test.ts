// What a request may say about single tokens, and what becomes of it.
import { describe, expect, it } from 'vitest';
import { GREEDY } from '../sampling/params.js';
import { collect, create, drain, request, tokenizer } from '../testing/engine-harness.js';
import type { GenerateRequest } from './core.js';

/** What the sampler is told of a request, or the error. */
async function told(more: Partial<GenerateRequest>, parts: Parameters<typeof create>[1] = {}) {
  const { engine, runner } = create({}, parts);
  const outcome = collect(engine.generate(request([5, 6], { maxNewTokens: 1, ...more })));
  await drain(runner);
  const { code, message } = { message: '', ...(await outcome) };
  return { code, message, params: runner.begins[0]?.params };
}

const containing = (word: string): number[] =>
  Array.from({ length: 97 }, (_, id) => id).filter((id) => id > 1 && tokenizer.decode([id]).includes(word));

describe('the sampler is told', () => {
  it('nothing of tokens that nobody names', async () => {
    const { params } = await told({});
    expect(Object.keys(params ?? {}).sort()).toEqual(Object.keys(GREEDY).sort());
  });

  it('the bias by id', async () => {
    const logitBias = { 5: -100, 96: 0.5, 0: 100 };
    expect((await told({ logitBias })).params?.logitBias).toEqual(
      new Map([
        [0, 100],
        [5, -100],
        [96, 0.5],
      ]),
    );
  });

  it('every banned id once, those of words too; special tokens contain no word', async () => {
    expect(containing('cx').length).toBeGreaterThan(3);
    const { params } = await told({ badTokenIds: [3, 3, 9], badWords: ['cx', 'cxy'] });
    expect(params?.bannedIds).toEqual([...new Set([3, 9, ...containing('cx')])]);
    expect((await told({ badWords: ['s'] })).code).toBe('invalid_request');
  });

  it('how many log probabilities are wanted, as many as there are tokens at most', async () => {
    expect((await told({ logprobs: 20 })).params?.numTopLogprobs).toBe(20);
    const { engine, runner } = create({ vocabSize: 7 });
    const outcome = collect(engine.generate(request([5, 6], { logprobs: 20 })));
    await drain(runner);
    expect((await outcome).code).toBeUndefined();
    expect(runner.begins[0]?.params.numTopLogprobs).toBe(7);
  });
});

const all = (length: number): number[] => Array.from({ length }, (_, id) => id);
const wrong: readonly [string, Partial<GenerateRequest>][] = [
  ['logitBias', { logitBias: { 97: 1 } }],
  ['logitBias', { logitBias: { '-1': 1 } }],
  ['logitBias', { logitBias: { 5: 101 } }],
  ['logitBias', { logitBias: { 5: Number.NaN } }],
  ['logitBias', { logitBias: Object.fromEntries(all(301).map((id) => [id, 1])) }],
  ['badTokenIds', { badTokenIds: [97] }],
  ['badTokenIds', { badTokenIds: all(97) }],
  ['badWords', { badWords: [''] }],
  ['badWords', { badWords: ['a', 'nowhere'] }],
  ['logprobs', { logprobs: 21 }],
  ['logprobs', { logprobs: -1 }],
  ['logprobs', { logprobs: 1.5 }],
];

describe('a request is refused', () => {
  it.each(wrong)('for a wrong %s: %j', async (name, more) => {
    const { engine } = create();
    const first = engine
      .generate(request([5, 6], more))
      [Symbol.asyncIterator]()
      .next();
    await expect(first).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining(name) });
  });

  it('for badWords without a tokenizer', async () => {
    const { engine } = create({}, { text: undefined } as unknown as Parameters<typeof create>[1]);
    const first = engine
      .generate(request([5, 6], { badWords: ['a'] }))
      [Symbol.asyncIterator]()
      .next();
    await expect(first).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('badWords'),
    });
  });
});
