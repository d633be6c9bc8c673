// Logits of given tokens: every row, whatever the chunks, beside generations, through the decode path where asked.
import { describe, expect, it } from 'vitest';
import { collect, create, drain, expectAtRest, request } from '../testing/engine-harness.js';
import { answerOf, nextToken } from '../testing/fake-runner.js';

const IDS = Array.from({ length: 40 }, (_, i) => (i * 7) % 90);

/** Rows of the toy model have their one in the column of the token that follows. */
function expectLogits(logits: Float32Array, ids: readonly number[]): void {
  const columns = ids.map((_, row) => logits.subarray(row * 97, (row + 1) * 97).indexOf(1));
  expect(columns).toEqual(ids.map((_, row) => nextToken(ids.slice(0, row + 1))));
  expect(logits).toHaveLength(ids.length * 97);
}

describe('logits', () => {
  it.each([undefined, 40, 39, 17, 1, 0])('of all tokens, one at a time from %s', async (decodeFrom) => {
    const { engine, runner } = create();
    const logits = engine.logits(IDS, decodeFrom === undefined ? {} : { decodeFrom });
    await drain(runner);
    expectLogits(await logits, IDS);
    const sizes = runner.plans.map(({ sequences: [share] }) => share?.tokens.length ?? 0);
    expect(sizes.filter((size) => size === 1).length).toBeGreaterThanOrEqual(40 - (decodeFrom ?? 40));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(40);
    await expectAtRest(engine, runner);
  });

  it('beside generations, and again after a preemption', async () => {
    const { engine, runner } = create({ numBlocks: 12, maxBatchSize: 3 });
    const first = collect(engine.generate(request([5], { maxNewTokens: 40 })));
    const logits = engine.logits(IDS.slice(0, 20), { decodeFrom: 10 });
    const last = collect(engine.generate(request([6, 7], { maxNewTokens: 20 })));
    await drain(runner);
    expect((await first).ids).toEqual(answerOf([5], 40));
    expectLogits(await logits, IDS.slice(0, 20));
    expect((await last).ids).toEqual(answerOf([6, 7], 20));
    await expectAtRest(engine, runner);
  });

  it('of as many tokens as a session holds', async () => {
    const { engine, runner } = create({ sessionLen: 40, numBlocks: 10 });
    const logits = engine.logits(IDS);
    await drain(runner);
    expectLogits(await logits, IDS);
    await expect(engine.logits([...IDS, 1])).rejects.toMatchObject({ code: 'context_too_long' });
  });

  it.each([
    [[], 0, 'invalid_request'],
    [[97], 0, 'invalid_request'],
    [[1], -1, 'invalid_request'],
    [[1], 0.5, 'invalid_request'],
  ])('are refused for %j from %d', async (ids, decodeFrom, code) => {
    const { engine } = create();
    await expect(engine.logits(ids, { decodeFrom })).rejects.toMatchObject({ code });
  });
});
