// The KV pool begins small and grows while it is used. That changes how many sequences run, never what they say.
import { describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { collect, create, drain, expectAtRest, request, settle } from '../testing/engine-harness.js';
import { answerOf } from '../testing/fake-runner.js';

const PROMPTS = [0, 1, 2].map((start) => Array.from({ length: 14 + start }, (_, i) => start + i));

describe('a pool that grows', () => {
  it('makes room for a prompt that is longer than all of it', async () => {
    const { engine, runner } = create({ firstBlocks: 2, numBlocks: 16 });
    const ids = Array.from({ length: 30 }, (_, i) => i);
    const answer = collect(engine.generate(request(ids, { maxNewTokens: 20 })));
    await drain(runner);
    expect((await answer).ids).toEqual(answerOf(ids, 20));
    expect((await engine.stats()).numBlocks).toBe(16);
    await expectAtRest(engine, runner);
  });

  it('grows before anybody has to make room, and no more than is used', async () => {
    const { engine, runner } = create({ firstBlocks: 4, numBlocks: 64 });
    const answers = PROMPTS.map((ids) => collect(engine.generate(request(ids))));
    await drain(runner);
    expect((await Promise.all(answers)).map(({ ids }) => ids)).toEqual(PROMPTS.map((ids) => answerOf(ids, 10)));
    const { numPreemptions, numBlocks } = await engine.stats();
    // 4, then as many as the first prompt lacks, 9, and twice that until a quarter is free beside sequences of 6 or 7 blocks.
    expect([numPreemptions, numBlocks]).toEqual([0, 36]);
    await expectAtRest(engine, runner);
  });

  it('serves whoever fits when the device has no more memory, and refuses the rest', async () => {
    const { engine, runner } = create({ firstBlocks: 8, numBlocks: 64 });
    runner.growFailure = new PagemindError('out_of_memory', 'no room');
    const answers = PROMPTS.map((ids) => collect(engine.generate(request(ids))));
    const tooLong = collect(engine.generate(request(PROMPTS[0] ?? [], { maxNewTokens: 30 })));
    await drain(runner);
    expect((await Promise.all(answers)).map(({ ids }) => ids)).toEqual(PROMPTS.map((ids) => answerOf(ids, 10)));
    expect((await tooLong).code).toBe('out_of_kv');
    expect(await engine.stats()).toMatchObject({ numBlocks: 8, numPreemptions: expect.any(Number) });
    const later = collect(engine.generate(request(Array.from({ length: 40 }, (_, i) => i))));
    await settle();
    expect((await later).code).toBe('out_of_kv');
    await expectAtRest(engine, runner);
  });

  it('ends with the error of a device that fails otherwise', async () => {
    const { engine, runner } = create({ firstBlocks: 1, numBlocks: 64 });
    runner.growFailure = new PagemindError('device_lost', 'gone');
    const answer = collect(engine.generate(request(PROMPTS[0] ?? [])));
    await drain(runner);
    expect((await answer).code).toBe('device_lost');
  });
});
