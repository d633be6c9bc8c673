// Requests that are cancelled, a runner that fails, an engine that is disposed: everything ends, nothing is leaked.
import { describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { collect, create, drain, expectAtRest, request, settle } from '../testing/engine-harness.js';
import { answerOf } from '../testing/fake-runner.js';

const PROMPT = [5, 6, 7];
const LONG_PROMPT = Array.from({ length: 40 }, (_, i) => i + 2);

describe('a cancelled request', () => {
  // A prompt of three chunks, then decoding: every point of a request's life comes up.
  const points = Array.from({ length: 12 }, (_, numDelivered) => numDelivered);

  it.each(points)('by signal, after %d results, throws and frees what it held', async (numDelivered) => {
    const { engine, runner } = create({ maxBatchSize: 2 });
    const controller = new AbortController();
    const cancelled = collect(engine.generate(request(LONG_PROMPT, { maxNewTokens: 24 }), controller.signal));
    const other = collect(engine.generate(request(PROMPT)));
    const waiting = collect(engine.generate(request([8])));
    if (numDelivered > 0) await settle();
    for (let i = 1; i < numDelivered; i++) {
      runner.deliver();
      await settle();
    }
    controller.abort('enough');
    expect(await cancelled).toMatchObject({ code: 'aborted', end: undefined });
    await drain(runner);
    expect((await other).ids).toEqual(answerOf(PROMPT, 10));
    expect((await waiting).ids).toEqual(answerOf([8], 10));
    await expectAtRest(engine, runner);
  });

  it('by leaving the stream, at once and while others run', async () => {
    const { engine, runner } = create();
    const other = collect(engine.generate(request(PROMPT)));
    const left = engine.generate(request([8], { maxNewTokens: 40 }))[Symbol.asyncIterator]();
    await settle();
    runner.deliver();
    expect(await left.next()).toMatchObject({ value: { type: 'delta' } });
    await left.return?.();
    expect(await left.next()).toEqual({ done: true, value: undefined });
    expect((await engine.stats()).numRunning).toBe(1);
    await drain(runner);
    expect((await other).ids).toEqual(answerOf(PROMPT, 10));
    await expectAtRest(engine, runner);
  });

  it('by leaving a stream that nobody has read', async () => {
    const { engine, runner } = create();
    await engine.generate(request(PROMPT))[Symbol.asyncIterator]().return?.();
    await settle();
    expect(runner.plans).toEqual([]);
    await expectAtRest(engine, runner);
  });

  it('before it began, or after it ended', async () => {
    const { engine, runner } = create();
    expect((await collect(engine.generate(request(PROMPT), AbortSignal.abort()))).code).toBe('aborted');
    const controller = new AbortController();
    const outcome = collect(engine.generate(request(PROMPT), controller.signal));
    await drain(runner);
    controller.abort();
    expect((await outcome).ids).toEqual(answerOf(PROMPT, 10));
  });

  it('is rejected when logits were wanted', async () => {
    const { engine, runner } = create();
    const controller = new AbortController();
    const logits = engine.logits(LONG_PROMPT, { signal: controller.signal });
    await settle();
    controller.abort();
    await expect(logits).rejects.toMatchObject({ code: 'aborted' });
    await drain(runner);
    await expectAtRest(engine, runner);
  });
});

describe('a runner that fails', () => {
  const lost = new PagemindError('device_lost', 'The GPU is gone.', { hint: 'Reload.' });

  it('ends all requests with its error, and later ones too', async () => {
    const { engine, runner } = create({ maxBatchSize: 2 });
    const outcomes = [1, 2, 3].map((id) => collect(engine.generate(request([id], { maxNewTokens: 30 }))));
    const logits = expect(engine.logits(PROMPT)).rejects.toMatchObject({ code: 'device_lost' });
    await settle();
    runner.failure = lost;
    runner.deliver();
    await settle();
    for (const outcome of outcomes) expect((await outcome).code).toBe('device_lost');
    await logits;
    await expectAtRest(engine, runner);
    await drain(runner);
    expect((await collect(engine.generate(request(PROMPT)))).code).toBe('device_lost');
    await expect(engine.logits(PROMPT)).rejects.toMatchObject({ code: 'device_lost', hint: 'Reload.' });
  });

  it.each(['beginSequence', 'execute'] as const)('in %s itself does the same', async (method) => {
    const { engine, runner } = create();
    const outcome = collect(engine.generate(request(PROMPT)));
    runner[method] = () => {
      throw new TypeError('broken');
    };
    await settle();
    expect((await outcome).code).toBe('internal');
    expect((await collect(engine.generate(request(PROMPT)))).code).toBe('internal');
    await expectAtRest(engine, runner);
  });

  it.each([
    ['no result', { sequences: [] }],
    ['too few ids', { sequences: [{ slot: 0, tokens: [], isDone: false }] }],
    ['an end that is none', { sequences: [{ slot: 0, tokens: [3], isDone: true }] }],
  ])('to keep its contract with %s is noticed', async (_, result) => {
    const { engine, runner } = create();
    runner.execute = () => Promise.resolve(result);
    expect((await collect(engine.generate(request(PROMPT)))).code).toBe('internal');
    await expectAtRest(engine, runner);
  });
});

describe('dispose', () => {
  it('ends all requests and refuses later ones', async () => {
    const { engine, runner } = create({ maxBatchSize: 1 });
    const outcomes = [1, 2].map((id) => collect(engine.generate(request([id]))));
    const logits = expect(engine.logits(PROMPT)).rejects.toMatchObject({ code: 'disposed' });
    await settle();
    await engine.dispose();
    await engine.dispose();
    for (const outcome of outcomes) expect((await outcome).code).toBe('disposed');
    await logits;
    expect(runner.isDisposed).toBe(true);
    await settle();
    expect((await collect(engine.generate(request(PROMPT)))).code).toBe('disposed');
    await expectAtRest(engine, runner);
  });

  it('frees the GPU after a failure as well', async () => {
    const { engine, runner } = create();
    runner.failure = new PagemindError('gpu_error', 'A bug.');
    expect((await collect(engine.generate(request(PROMPT)))).code).toBe('gpu_error');
    expect(runner.isDisposed).toBe(false);
    await engine.dispose();
    expect(runner.isDisposed).toBe(true);
  });
});
