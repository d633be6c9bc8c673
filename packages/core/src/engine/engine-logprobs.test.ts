// Log probabilities of given tokens: one for each but the first, whatever the chunks, beside other requests.
import { describe, expect, it } from 'vitest';
import { Engine } from '../api/engine-api.js';
import { measurePerplexity } from '../api/perplexity.js';
import { createPipeline } from '../api/pipeline.js';
import { collect, create, drain, expectAtRest, request } from '../testing/engine-harness.js';
import { answerOf, nextToken } from '../testing/fake-runner.js';

const IDS = Array.from({ length: 40 }, (_, i) => (i * 7) % 90);
/** The toy model gives 0 to the token that follows and -1 to others. */
const scores = (ids: readonly number[]): number[] =>
  ids.slice(1).map((id, i) => (id === nextToken(ids.slice(0, i + 1)) ? 0 : -1));
/** Half of it is what the model says itself. */
const MIXED = [5, ...answerOf([5], 10), ...IDS];

describe('logprobs', () => {
  it('of all tokens, beside a generation', async () => {
    const { engine, runner } = create({ numBlocks: 24, maxBatchSize: 3 });
    const generated = collect(engine.generate(request([5], { maxNewTokens: 20 })));
    const [first, second] = [engine.logprobs(MIXED), engine.logprobs(IDS.slice(0, 2))];
    await drain(runner);
    expect([...(await first)]).toEqual(scores(MIXED));
    expect(scores(MIXED)).toContain(0);
    expect([...(await second)]).toEqual(scores(IDS.slice(0, 2)));
    expect((await generated).ids).toEqual(answerOf([5], 20));
    await expectAtRest(engine, runner);
  });

  it.each([
    [[1], 'invalid_request'],
    [[1, 97], 'invalid_request'],
    [Array.from({ length: 1000 }, () => 1), 'context_too_long'],
  ])('are refused for too few, unknown or too many ids', async (ids, code) => {
    const { engine } = create();
    await expect(engine.logprobs(ids)).rejects.toMatchObject({ code });
  });

  it('end when aborted', async () => {
    const { engine, runner } = create();
    const controller = new AbortController();
    const logprobs = engine.logprobs(IDS, { signal: controller.signal });
    controller.abort();
    await expect(logprobs).rejects.toMatchObject({ code: 'aborted' });
    await drain(runner);
    await expectAtRest(engine, runner);
  });
});

describe('getPpl', () => {
  it('is the cross-entropy of each sequence', async () => {
    const { engine, runner } = create();
    const info = { value: { sessionLen: 64, maxBatchSize: 2 } };
    const pipe = createPipeline(
      new Engine(Object.create(engine, { info, logprobs: { value: engine.logprobs.bind(engine) } })),
    );
    const both = pipe.getPpl([IDS, MIXED.slice(0, 11)]);
    await drain(runner);
    const loss = -scores(IDS).reduce((a, b) => a + b, 0) / (IDS.length - 1);
    expect(await both).toEqual([loss, 0]);
    const one = pipe.getPpl(IDS);
    await drain(runner);
    expect(await one).toBe(loss);
    await expect(pipe.getPpl([[1]])).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('the perplexity of a text', () => {
  /** An engine whose tokenizer gives a token for every letter, and which counts what it is asked. */
  function counting(before: readonly number[]) {
    const asked: (readonly number[])[] = [];
    const { engine } = create();
    const core = Object.create(engine, {
      encode: {
        value: async (text: string, { addSpecialTokens = true } = {}) => [
          ...(addSpecialTokens ? before : []),
          ...Array.from(text, (letter) => letter.charCodeAt(0)),
        ],
      },
      logprobs: {
        value: async (ids: readonly number[]) => {
          asked.push(ids);
          return Float32Array.from(ids.slice(1), (id) => -id);
        },
      },
      info: { value: { sessionLen: 64, maxBatchSize: 1 } },
    });
    return { core, asked };
  }

  it.each([
    // windowLen, stride, windows, tokens that count
    [[1], 5, undefined, ['abcd', 'efgh', 'ij'], 10],
    [[1], 5, 2, ['abcd', 'cdef', 'efgh', 'ghij'], 10],
    [[], 4, undefined, ['abcd', 'efgh', 'ij'], 3 + 3 + 1],
    [[], 4, 3, ['abcd', 'defg', 'ghij'], 9],
  ] as const)('behind %j in windows of %i with stride %s', async (before, windowLen, stride, windows, numTokens) => {
    const { core, asked } = counting(before);
    const options = { windowLen, ...(stride !== undefined && { stride }) };
    const result = await measurePerplexity(core, 'abcdefghij', options);
    expect(asked.map((ids) => String.fromCharCode(...ids.slice(before.length)))).toEqual(windows);
    expect(result).toMatchObject({ numTokens, numWindows: windows.length });
    if (numTokens >= 9) {
      const counted = Array.from('abcdefghij', (letter) => letter.charCodeAt(0)).slice(10 - numTokens);
      expect(result.loss).toBeCloseTo(counted.reduce((a, b) => a + b, 0) / numTokens, 10);
    }
  });

  it('needs a text and a stride that moves on', async () => {
    const { core } = counting([1]);
    await expect(measurePerplexity(core, '')).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(measurePerplexity(core, 'abc', { stride: 0 })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
