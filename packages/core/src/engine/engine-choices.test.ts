// Several answers to one prompt: it is computed once, as far as it fills blocks; the answers share these, go on by
// themselves, and end by themselves or all together.
import { describe, expect, it } from 'vitest';
import { collect, create, drain, expectAtRest, request, settle } from '../testing/engine-harness.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import type { GenerateEvent } from './core.js';

const PROMPT = Array.from({ length: 14 }, (_, i) => i + 3);

/** Ids and ends by answer. */
function byIndex(events: readonly GenerateEvent[]): { ids: number[]; numEnds: number }[] {
  const answers: { ids: number[]; numEnds: number }[] = [];
  for (const event of events) {
    answers[event.index] ??= { ids: [], numEnds: 0 };
    const answer = answers[event.index] as (typeof answers)[number];
    expect(answer.numEnds).toBe(0);
    if (event.type === 'end') answer.numEnds += 1;
    else answer.ids.push(...event.tokenIds);
  }
  return answers;
}

/** Tokens that were sent to be computed. */
function numSent({ plans }: FakeRunner): number {
  return plans.flatMap(({ sequences }) => sequences).reduce((sum, { tokens }) => sum + tokens.length, 0);
}

describe('several answers', () => {
  it.each([1, 3, 4])('are all given when %d are wanted, and end once each', async (numChoices) => {
    const { engine, runner } = create();
    const outcome = collect(engine.generate(request(PROMPT, { numChoices })));
    await drain(runner);
    const answers = byIndex((await outcome).events);
    expect(answers).toEqual(Array(numChoices).fill({ ids: answerOf(PROMPT, 10), numEnds: 1 }));
    await expectAtRest(engine, runner);
  });

  it('compute the prompt once, but for its last block, and share its full blocks', async () => {
    const { engine, runner } = create();
    const outcome = collect(engine.generate(request(PROMPT, { numChoices: 4 })));
    await settle();
    runner.deliver();
    await settle();
    const starts = runner.plans.flatMap(({ sequences }) => sequences.filter(({ firstBlock }) => firstBlock === 0));
    expect(starts.map(({ startPosition }) => startPosition)).toEqual([0, 12, 12, 12]);
    const shared = starts.map(({ newBlocks }) => newBlocks.slice(0, 3).join());
    expect(new Set(shared).size).toBe(1);
    await drain(runner);
    expect(numSent(runner)).toBe(14 + 3 * 2);
    const ends = (await outcome).events.filter((event) => event.type === 'end');
    expect(ends.map(({ usage }) => usage.cachedTokens)).toEqual([0, 12, 12, 12]);
    await expectAtRest(engine, runner);
  });

  it('draw from seeds that count up from the one given', async () => {
    const { engine, runner } = create();
    const outcomes = [{}, { seed: 0xffffffff }].map((sampling) =>
      collect(engine.generate(request(PROMPT, { sampling, numChoices: 2 }))),
    );
    await drain(runner);
    await Promise.all(outcomes);
    expect(runner.begins.map(({ params }) => params.seed)).toEqual([5, 6, 0xffffffff, 0]);
  });

  it('queue where there are more than slots', async () => {
    const { engine, runner } = create({ maxBatchSize: 2, numBlocks: 9 });
    const outcome = collect(engine.generate(request(PROMPT, { numChoices: 7 })));
    await drain(runner);
    expect(byIndex((await outcome).events)).toEqual(Array(7).fill({ ids: answerOf(PROMPT, 10), numEnds: 1 }));
    expect(Math.max(...runner.plans.map(({ sequences }) => sequences.length))).toBe(2);
    await expectAtRest(engine, runner);
  });

  it('need no shared blocks', async () => {
    for (const enablePrefixCaching of [true, false]) {
      const { engine, runner } = create({ maxSharedLen: 9 }, { enablePrefixCaching });
      const outcome = collect(engine.generate(request(PROMPT, { numChoices: 3 })));
      await drain(runner);
      expect(byIndex((await outcome).events)).toEqual(Array(3).fill({ ids: answerOf(PROMPT, 10), numEnds: 1 }));
      await expectAtRest(engine, runner);
    }
  });

  it.each([0, 1, 3, 6])('are all cancelled after %d results, by signal or by leaving', async (numDelivered) => {
    for (const leaves of [false, true]) {
      const { engine, runner } = create({ maxBatchSize: 2 });
      const controller = new AbortController();
      const stream = engine.generate(request(PROMPT, { numChoices: 3, maxNewTokens: 20 }), controller.signal);
      const events = stream[Symbol.asyncIterator]();
      await settle();
      for (let i = 0; i < numDelivered; i++) {
        runner.deliver();
        await settle();
      }
      if (leaves) await events.return?.();
      else {
        controller.abort();
        expect((await collect(stream)).code).toBe('aborted');
      }
      await drain(runner);
      await expectAtRest(engine, runner);
    }
  });

  it('are queued all or none', async () => {
    const { engine, runner } = create({ maxBatchSize: 2 }, { maxQueueLen: 2 });
    const outcomes = [3, 2, 1].map((numChoices) => collect(engine.generate(request(PROMPT, { numChoices }))));
    await drain(runner);
    const codes = (await Promise.all(outcomes)).map(({ code }) => code);
    expect(codes).toEqual([undefined, 'queue_full', undefined]);
    expect(runner.begins.length).toBe(4);
    await expectAtRest(engine, runner);
  });

  it.each([0, 1.5, 129, Number.NaN])('are not %d', async (numChoices) => {
    const { engine, runner } = create();
    const { code } = await collect(engine.generate(request(PROMPT, { numChoices })));
    expect([code, runner.begins]).toEqual(['invalid_request', []]);
  });
});

describe('priorities', () => {
  it('are refused when they are no whole numbers', async () => {
    const { code } = await collect(create().engine.generate(request(PROMPT, { priority: 0.5 })));
    expect(code).toBe('invalid_request');
  });

  it('decide who starts first, and how long it waited is told', async () => {
    const { engine, runner, time } = create({ maxBatchSize: 1 });
    const priorities = [0, -1, 2, 0, 2];
    const outcomes = priorities.map((priority, i) => collect(engine.generate(request([i], { priority }))));
    for (await settle(); runner.numPending > 0; await settle()) {
      runner.deliver();
      time.now += 10;
    }
    expect(runner.begins.map(({ promptIds }) => promptIds[0])).toEqual([2, 4, 0, 3, 1]);
    const waits = (await Promise.all(outcomes)).map(({ end }) => (end?.type === 'end' ? end.stats.queueMs : -1));
    const inOrder = [2, 4, 0, 3, 1].map((i) => waits[i] ?? -1);
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
    expect([inOrder[0], new Set(inOrder).size]).toEqual([0, 5]);
  });
});
