// Requests that begin alike share blocks: they compute less and answer the same, because the toy model reads its tokens
// back through the blocks. Who must not share does not.
import { describe, expect, it } from 'vitest';
import { collect, create, drain, expectAtRest, type Outcome, request, settle } from '../testing/engine-harness.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import type { GenerateRequest } from './core.js';
import type { LocalEngine } from './engine.js';

const PROMPT = Array.from({ length: 12 }, (_, i) => i + 3);

async function answer(
  { engine, runner }: { engine: LocalEngine; runner: FakeRunner },
  ids: readonly number[],
  more: Partial<GenerateRequest> = {},
): Promise<Outcome> {
  const outcome = collect(engine.generate(request(ids, more)));
  await drain(runner);
  return outcome;
}

function cachedTokens({ end }: Outcome): number | undefined {
  return end?.type === 'end' ? end.usage.cachedTokens : undefined;
}

/** Tokens that were sent to be computed in all steps since the plan `from`. */
function numSent({ plans }: FakeRunner, from = 0): number {
  return plans.slice(from).reduce((sum, { sequences }) => sum + sequences.reduce((n, s) => n + s.tokens.length, 0), 0);
}

describe('a prompt that was computed before', () => {
  // Blocks of four tokens: of a prompt of twelve the last block is computed again, as its last token is wanted.
  it.each([
    [12, 8],
    [13, 12],
    [4, 0],
    [5, 4],
    [3, 0],
  ])('of %d tokens has %d of them', async (length, numCached) => {
    const made = create();
    const ids = [...PROMPT, 2].slice(0, length);
    expect(cachedTokens(await answer(made, ids))).toBe(0);
    const from = made.runner.plans.length;
    const again = await answer(made, ids);
    expect(again.ids).toEqual(answerOf(ids, 10));
    expect(cachedTokens(again)).toBe(numCached);
    expect(made.runner.plans[from]?.sequences).toMatchObject([{ startPosition: numCached, firstBlock: 0 }]);
    expect(numSent(made.runner, from)).toBe(length - numCached);
    await expectAtRest(made.engine, made.runner);
  });

  it('is shared as far as another goes the same way', async () => {
    const made = create();
    await answer(made, PROMPT);
    const other = [...PROMPT.slice(0, 6), 50, 51, 52, 53];
    const outcome = await answer(made, other);
    expect(outcome.ids).toEqual(answerOf(other, 10));
    expect(cachedTokens(outcome)).toBe(4);
  });

  it('and its answer serve the next turns of a conversation', async () => {
    const made = create();
    const numCached: unknown[] = [];
    let ids = [5, 6, 7];
    for (let turn = 0; turn < 4; turn++) {
      const outcome = await answer(made, ids, { maxNewTokens: 9 });
      expect(outcome.ids).toEqual(answerOf(ids, 9));
      numCached.push(cachedTokens(outcome));
      ids = [...ids, ...outcome.ids, 20 + turn, 30 + turn];
    }
    // Turns of 3, 14, 25 and 36 tokens. The last token of an answer was never computed.
    expect(numCached).toEqual([0, 8, 20, 32]);
    expect(await made.engine.stats()).toMatchObject({ numTokensLookedUp: 12 + 24 + 32, numTokensFound: 60 });
    await expectAtRest(made.engine, made.runner);
  });

  it('is counted as what was not computed', async () => {
    const made = create();
    await answer(made, PROMPT);
    const outcome = collect(made.engine.generate(request(PROMPT)));
    await settle();
    made.time.now = 100;
    await drain(made.runner);
    expect((await outcome).end).toMatchObject({ stats: { prefillTokensPerSecond: 40 } });
  });

  it('ends where a stop id ended it on the GPU', async () => {
    for (let numBefore = 1; numBefore <= 6; numBefore++) {
      const made = create();
      const stop = answerOf(PROMPT, numBefore + 1).at(-1) as number;
      const first = await answer(made, PROMPT, { maxNewTokens: 30, stopTokenIds: [stop] });
      const ids = [...PROMPT, ...first.ids, 1, 2, 3, 4, 5];
      expect((await answer(made, ids)).ids).toEqual(answerOf(ids, 10));
    }
  });
});

describe('requests that run at the same time', () => {
  it('share what the first has computed, and keep it when the first leaves', async () => {
    const { engine, runner } = create();
    const controller = new AbortController();
    const first = collect(engine.generate(request(PROMPT, { maxNewTokens: 40 }), controller.signal));
    await settle();
    const second = collect(engine.generate(request([...PROMPT, 1, 2], { maxNewTokens: 30 })));
    runner.deliver();
    await settle();
    const tables = runner.plans.flatMap(({ sequences }) => sequences.filter(({ firstBlock }) => firstBlock === 0));
    expect(tables[1]?.newBlocks.slice(0, 3)).toEqual(tables[0]?.newBlocks.slice(0, 3));
    controller.abort();
    const third = collect(engine.generate(request([8, ...PROMPT], { maxNewTokens: 30 })));
    await drain(runner);
    expect((await first).code).toBe('aborted');
    expect((await second).ids).toEqual(answerOf([...PROMPT, 1, 2], 30));
    expect(cachedTokens(await second)).toBe(12);
    expect((await third).ids).toEqual(answerOf([8, ...PROMPT], 30));
    await expectAtRest(engine, runner);
  });

  it('compute their common start once when they arrive together', async () => {
    const made = create({ maxPrefillTokenNum: 6 });
    const prompts = [PROMPT, PROMPT, [...PROMPT.slice(0, 9), 40, 41, 42, 43], [50]];
    const all = prompts.map((each) => collect(made.engine.generate(request(each))));
    await drain(made.runner);
    const outcomes = await Promise.all(all);
    for (const [i, ids] of prompts.entries()) expect(outcomes[i]?.ids).toEqual(answerOf(ids, 10));
    expect(outcomes.map(cachedTokens)).toEqual([0, 8, 8, 0]);
    // The whole of the first, a block of the second, what the third has of its own, and the fourth.
    expect(numSent(made.runner)).toBe(12 + 4 + 5 + 1);
    await expectAtRest(made.engine, made.runner);
  });

  it('do not wait for a start that nobody computes any more', async () => {
    const { engine, runner } = create({ maxPrefillTokenNum: 4 });
    const controller = new AbortController();
    const first = collect(engine.generate(request(PROMPT), controller.signal));
    const second = collect(engine.generate(request(PROMPT)));
    await settle();
    controller.abort();
    await drain(runner);
    expect([(await first).code, (await second).ids]).toEqual(['aborted', answerOf(PROMPT, 10)]);
    await expectAtRest(engine, runner);
  });

  it('compute the same twice when they answer alike; later ones find either', async () => {
    const made = create();
    const ids = PROMPT.slice(0, 3);
    const both = [ids, ids].map((each) => collect(made.engine.generate(request(each, { maxNewTokens: 16 }))));
    await drain(made.runner);
    expect((await Promise.all(both)).map(cachedTokens)).toEqual([0, 0]);
    for (const start of [ids]) {
      const next = [...start, ...answerOf(start, 16), 9];
      const outcome = await answer(made, next);
      expect(outcome.ids).toEqual(answerOf(next, 10));
      expect(cachedTokens(outcome)).toBe(16);
    }
    await expectAtRest(made.engine, made.runner);
  });

  it('find their own blocks again after a preemption', async () => {
    const { engine, runner } = create({ numBlocks: 12, maxBatchSize: 3 });
    const prompts = [PROMPT, [...PROMPT.slice(0, 9), 1], [...PROMPT.slice(0, 9), 2]];
    const outcomes = prompts.map((ids) => collect(engine.generate(request(ids, { maxNewTokens: 24 }))));
    await drain(runner);
    for (const [i, ids] of prompts.entries()) expect((await outcomes[i])?.ids).toEqual(answerOf(ids, 24));
    const comebacks = runner.begins.filter(({ generatedIds }) => generatedIds.length > 0);
    expect(comebacks.length).toBeGreaterThan(0);
    const starts = runner.plans.flatMap(({ sequences }) => sequences.filter(({ firstBlock }) => firstBlock === 0));
    expect(Math.max(...starts.map(({ startPosition }) => startPosition))).toBeGreaterThan(PROMPT.length);
    await expectAtRest(engine, runner);
  });
});

describe('cached blocks', () => {
  it('make room for others, and are computed again', async () => {
    const made = create({ numBlocks: 8 });
    await answer(made, PROMPT);
    expect((await made.engine.stats()).numCachedBlocks).toBeGreaterThan(0);
    const other = PROMPT.map((id) => id + 40);
    expect((await answer(made, other, { maxNewTokens: 20 })).ids).toEqual(answerOf(other, 20));
    const again = await answer(made, PROMPT);
    expect(again.ids).toEqual(answerOf(PROMPT, 10));
    expect(cachedTokens(again)).toBe(0);
    await expectAtRest(made.engine, made.runner);
  });

  it('do not keep out a prompt that fills the pool, its own start among them', async () => {
    const made = create({ numBlocks: 4, maxPrefillTokenNum: 16 });
    const ids = [...PROMPT, 70, 71, 72];
    await answer(made, ids, { maxNewTokens: 1 });
    const again = await answer(made, ids, { maxNewTokens: 1 });
    expect(again.ids).toEqual(answerOf(ids, 1));
    expect(cachedTokens(again)).toBe(12);
  });
});

describe('nothing is shared', () => {
  it('when it is switched off', async () => {
    const made = create({}, { enablePrefixCaching: false });
    for (let turn = 0; turn < 2; turn++) {
      const outcome = await answer(made, PROMPT);
      expect(outcome.ids).toEqual(answerOf(PROMPT, 10));
      expect(cachedTokens(outcome)).toBe(0);
    }
    const { numBlocks } = made.runner.limits;
    expect(await made.engine.stats()).toMatchObject({
      numFreeBlocks: numBlocks,
      numCachedBlocks: 0,
      numTokensFound: 0,
    });
  });

  it('with logits, which are wanted of every position', async () => {
    const made = create();
    const logits = async (): Promise<void> => {
      const from = made.runner.plans.length;
      const all = made.engine.logits(PROMPT);
      await drain(made.runner);
      expect(await all).toHaveLength(PROMPT.length * 97);
      expect(numSent(made.runner, from)).toBe(PROMPT.length);
    };
    await logits();
    expect(cachedTokens(await answer(made, PROMPT))).toBe(0);
    await logits();
    await expectAtRest(made.engine, made.runner);
  });

  it('with prompts so long that they are rotated in their own way', async () => {
    const made = create({ maxSharedLen: 12 });
    const grown = [...PROMPT, ...answerOf(PROMPT, 20)];
    expect((await answer(made, PROMPT, { maxNewTokens: 20 })).ids).toEqual(answerOf(PROMPT, 20));
    for (let turn = 0; turn < 2; turn++) {
      const outcome = await answer(made, grown);
      expect(outcome.ids).toEqual(answerOf(grown, 10));
      expect(cachedTokens(outcome)).toBe(0);
    }
    const again = await answer(made, PROMPT, { maxNewTokens: 20 });
    expect(again.ids).toEqual(answerOf(PROMPT, 20));
    expect(cachedTokens(again)).toBe(8);
  });

  it('before the GPU was given the step that computes it', async () => {
    const { engine, runner } = create({ maxPrefillTokenNum: 5 });
    const outcomes = [PROMPT, PROMPT, PROMPT].map((ids) => collect(engine.generate(request(ids))));
    await drain(runner, 'reversed');
    for (const outcome of outcomes) expect((await outcome).ids).toEqual(answerOf(PROMPT, 10));
    await expectAtRest(engine, runner);
  });
});
