// Models whose rotation changes with the length, in the exact reading: above the length up to which keys are kept, a
// sequence begins anew for every token. The toy model refuses keys of another length than the one it samples at.
import { describe, expect, it } from 'vitest';
import { collect, create, drain, expectAtRest, request } from '../testing/engine-harness.js';
import { answerOf } from '../testing/fake-runner.js';

const LIMITS = { maxSharedLen: 12, maxKeptLen: 12 };
const PROMPT = [5, 6, 7, 8, 9, 10, 11];

describe('a sequence that recomputes above 12 tokens', () => {
  it('keeps what it has up to there, and begins anew for every token from there on', async () => {
    const { engine, runner } = create(LIMITS);
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 10 })));
    await drain(runner);
    expect((await outcome).ids).toEqual(answerOf(PROMPT, 10));
    const lengths = runner.begins.map(({ promptIds, generatedIds }) => promptIds.length + generatedIds.length);
    expect(lengths).toEqual([7, 13, 14, 15, 16]);
    // All tokens but the last, which is sampled and never computed; each restart computes everything.
    const computed = runner.plans.flatMap(({ sequences, numSteps }) =>
      sequences.map(({ startPosition, tokens }) => [startPosition, tokens.length, numSteps]),
    );
    expect(computed.filter(([start]) => start === 0).map(([, numTokens]) => numTokens)).toEqual([7, 13, 14, 15, 16]);
    const ends = computed.map(
      ([start = 0, numTokens = 0, numSteps = 0]) => start + Math.max(numTokens, 1) + numSteps - 1,
    );
    expect(Math.max(...ends.slice(0, -4))).toBe(12);
    await expectAtRest(engine, runner);
  });

  it('shares blocks below, and none above', async () => {
    const { engine, runner } = create(LIMITS);
    const first = collect(engine.generate(request(PROMPT, { maxNewTokens: 20 })));
    await drain(runner);
    const grown = [...PROMPT, ...(await first).ids];
    for (const [length, numCached] of [
      [12, 8],
      [13, 0],
      [17, 0],
    ] as const) {
      const outcome = collect(engine.generate(request(grown.slice(0, length), { maxNewTokens: 5 })));
      await drain(runner);
      expect(await outcome).toMatchObject({
        ids: answerOf(grown.slice(0, length), 5),
        end: { usage: { cachedTokens: numCached } },
      });
    }
    await expectAtRest(engine, runner);
  });

  it('goes on beside others, in pools that are too small for all', async () => {
    const { engine, runner } = create({ ...LIMITS, maxBatchSize: 3, numBlocks: 9 });
    const prompts = [PROMPT, [20, ...PROMPT], [...PROMPT, ...PROMPT], [3]];
    const outcomes = prompts.map((ids) => collect(engine.generate(request(ids, { maxNewTokens: 16 }))));
    await drain(runner);
    for (const [i, ids] of prompts.entries()) expect((await outcomes[i])?.ids).toEqual(answerOf(ids, 16));
    await expectAtRest(engine, runner);
  });

  it('has its logits computed at once', async () => {
    const { engine, runner } = create(LIMITS);
    const ids = Array.from({ length: 15 }, (_, i) => i);
    const logits = engine.logits(ids, { decodeFrom: 11 });
    await drain(runner);
    expect((await logits).length).toBe(15 * runner.limits.vocabSize);
    expect(runner.begins.length).toBe(1);
  });
});
