// An engine over a real channel: the same events, errors and cancellations as without one.
import { afterEach, describe, expect, it } from 'vitest';
import type { Engine } from '../api/engine-api.js';
import type { EngineCore, KvPages, LoadProgress } from '../engine/core.js';
import { PagemindError } from '../errors.js';
import { collect, create, drain, expectAtRest, request, settle, tokenizer } from '../testing/engine-harness.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import { chatTemplate, idsOf } from '../testing/session-harness.js';
import { connectEngine } from './client.js';
import type { Endpoint } from './endpoints.js';
import { type EngineFactory, serveEngine } from './host.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function channel(): MessageChannel {
  const made = new MessageChannel();
  closers.push(() => made.port1.close());
  return made;
}

/** A page and a worker; what the worker makes is an engine over a fake runner. */
async function connected(): Promise<{ engine: Engine; local: EngineCore; runner: FakeRunner; port: MessagePort }> {
  const { port1, port2 } = channel();
  const { engine: local, runner } = create();
  serveEngine(port2, async () => local);
  return { engine: await connectEngine(port1, {}), local, runner, port: port1 };
}

/** Messages need a few turns more than a call. */
async function arrive(): Promise<void> {
  for (let i = 0; i < 5; i++) await settle();
}

async function drainRemote(runner: FakeRunner): Promise<void> {
  await arrive();
  await drain(runner);
  await arrive();
}

describe('a connection', () => {
  it('gives the events that the engine gives', async () => {
    const here = create();
    const there = await connected();
    const asked = request([5, 6], { logprobs: 2, logitBias: { 5: -1 }, badTokenIds: [7], badWords: ['ax'] });
    const outcomes = [here.engine, there.engine].map((engine) => collect(engine.generate(asked)));
    await arrive();
    await drain(here.runner);
    await drainRemote(there.runner);
    expect((await outcomes[1])?.events).toEqual((await outcomes[0])?.events);
    expect((await outcomes[1])?.ids).toEqual(answerOf([5, 6], 10));
    expect(there.runner.begins[0]).toEqual(here.runner.begins[0]);
  });

  it('carries every other call', async () => {
    const { engine, local, runner } = await connected();
    expect(engine.info).toEqual(local.info);
    expect(await engine.encode('abc', { addSpecialTokens: false })).toEqual([21, 22, 23]);
    expect(await engine.decode([21, 22])).toBe(await local.decode([21, 22]));
    expect(await engine.stats()).toEqual(await local.stats());
    const logits = engine.logits([1, 2, 3], { decodeFrom: 2 });
    await drainRemote(runner);
    expect(await logits).toHaveLength(3 * 97);
    expect(runner.plans).toHaveLength(2);
  });

  it('moves logits rather than copying them', async () => {
    const { port1, port2 } = channel();
    const { engine: local } = create();
    const made = new Float32Array(8);
    local.logits = async () => made;
    serveEngine(port2, async () => local);
    const engine = await connectEngine(port1, {});
    expect(await engine.logits([1])).toEqual(new Float32Array(8));
    expect(made.byteLength).toBe(0);
  });

  it('carries keys and values from one engine to another', async () => {
    const [from, to] = [await connected(), await connected()];
    const ids = [5, 6, 7, 8, 9, 10, 11, 12, 13];
    const said = collect(from.engine.generate(request(ids)));
    await drainRemote(from.runner);
    await said;
    const reading = from.engine.readKv({ prompt: { kind: 'tokens', ids } });
    await drainRemote(from.runner);
    const pages = await reading;
    expect(pages).toMatchObject({ origin: 'toy', firstBlock: 0, numBlocks: 2 });
    expect(await from.engine.readKv({ keys: pages?.keys ?? [], firstBlock: 2 })).toBeUndefined();
    expect(await to.engine.writeKv(pages as KvPages)).toBe(true);
    expect(await to.engine.writeKv({ ...(pages as KvPages), origin: 'another' })).toBe(false);
    const again = collect(to.engine.generate(request(ids)));
    await drainRemote(to.runner);
    expect((await again).ids).toEqual(answerOf(ids, 10));
    expect((await again).end).toMatchObject({ usage: { cachedTokens: 8 } });
  });

  it('moves keys and values rather than copying them', async () => {
    const { port1, port2 } = channel();
    const { engine: local } = create();
    const pages = { origin: 'toy', keys: ['a'], firstBlock: 0, numBlocks: 1, bytes: new Uint8Array(8) };
    local.readKv = async () => pages;
    serveEngine(port2, async () => local);
    const engine = await connectEngine(port1, {});
    expect((await engine.readKv({ keys: [], firstBlock: 0 }))?.bytes).toEqual(new Uint8Array(8));
    expect(pages.bytes.byteLength).toBe(0);
  });

  it('carries errors with code and hint', async () => {
    const { engine } = await connected();
    const error = { code: 'invalid_request', hint: expect.any(String) };
    await expect(engine.logits([97])).rejects.toMatchObject(error);
    await expect(
      engine
        .generate(request([97]))
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toMatchObject(error);
    await expect(engine.logits([97])).rejects.toBeInstanceOf(PagemindError);
  });

  it('refuses what cannot be sent', async () => {
    const { engine } = await connected();
    const bad = { ...request([1]), extra: () => {} };
    expect((await collect(engine.generate(bad))).code).toBe('invalid_request');
  });
});

describe('cancelling', () => {
  it('by signal or by leaving reaches the engine', async () => {
    const { engine, local, runner } = await connected();
    const controller = new AbortController();
    const aborted = collect(engine.generate(request([5]), controller.signal));
    const left = engine.generate(request([6]))[Symbol.asyncIterator]();
    await arrive();
    expect(await local.stats()).toMatchObject({ numRunning: 1, numWaiting: 1 });
    controller.abort();
    expect((await aborted).code).toBe('aborted');
    await left.return?.();
    await arrive();
    expect(await local.stats()).toMatchObject({ numRunning: 0, numWaiting: 0 });
    await drainRemote(runner);
    expect((await collect(engine.generate(request([5]), AbortSignal.abort()))).code).toBe('aborted');
  });

  it('of logits too', async () => {
    const { engine, local } = await connected();
    const controller = new AbortController();
    const logits = engine.logits([1, 2], { signal: controller.signal });
    await arrive();
    controller.abort();
    await expect(logits).rejects.toMatchObject({ code: 'aborted' });
    await arrive();
    expect(await local.stats()).toMatchObject({ numRunning: 0 });
  });
});

describe('a session', () => {
  it('is held on this side, and goes on over there', async () => {
    const { port1, port2 } = channel();
    const { engine: local, runner } = create({ maxStepsPerSubmit: 1 }, { text: { tokenizer, chatTemplate } });
    serveEngine(port2, async () => local);
    const session = (await connectEngine(port1, {})).session();
    const options = { max_tokens: 9, ignore_eos: true };

    const first = session.send('ab', options);
    await drainRemote(runner);
    const firstIds = answerOf(idsOf('babcd'), 9);
    expect((await first).tokenIds).toEqual(firstIds);

    const leaving = (async () => {
      for await (const event of session.stream('c', options)) {
        if (event.type === 'delta' && event.tokenIds.length > 0) break;
      }
    })();
    for (let i = 0; i < 4; i++) {
      await arrive();
      runner.deliver();
    }
    await leaving;
    await drainRemote(runner);
    const prompt = [...idsOf('babcd'), ...firstIds, ...idsOf('ebccd')];
    const partIds = session.response?.tokenIds ?? [];
    expect(session.response?.finishReason).toBe('abort');
    expect(partIds).toEqual(answerOf(prompt, partIds.length));

    const last = session.send('d', options);
    await drainRemote(runner);
    expect((await last).tokenIds).toEqual(answerOf([...prompt, ...partIds, ...idsOf('ebdcd')], 9));
    expect((await last).usage.cachedTokens).toBeGreaterThanOrEqual(prompt.length - 4);
    await expectAtRest(local, runner);
  });
});

describe('opening', () => {
  const progress: LoadProgress = { phase: 'weights', loadedBytes: 1, totalBytes: 2, text: 'half' };

  it('passes options on and reports progress', async () => {
    const { port1, port2 } = channel();
    let given: unknown;
    serveEngine(port2, async (options, { onProgress }) => {
      given = options;
      onProgress(progress);
      return create().engine;
    });
    const seen: LoadProgress[] = [];
    await connectEngine(port1, { model: 'm' }, { onProgress: (each) => seen.push(each) });
    expect(given).toEqual({ model: 'm' });
    expect(seen).toEqual([progress]);
  });

  it('fails as the factory does, and may be tried again', async () => {
    const { port1, port2 } = channel();
    const factories: EngineFactory[] = [
      () => Promise.reject(new PagemindError('file_missing', 'config.json is missing.', { hint: 'Add it.' })),
      async () => create().engine,
    ];
    serveEngine(port2, (options, hooks) => (factories.shift() as EngineFactory)(options, hooks));
    await expect(connectEngine(port1, {})).rejects.toMatchObject({ code: 'file_missing', hint: 'Add it.' });
    expect((await connectEngine(port1, {})).info.model).toBe('toy');
    await expect(connectEngine(port1, {})).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('can be aborted; an engine made too late is disposed of', async () => {
    const { port1, port2 } = channel();
    const late = create();
    let finish = (): void => {};
    let isAborted = false;
    serveEngine(port2, (_, { signal }) => {
      signal.addEventListener('abort', () => {
        isAborted = true;
      });
      return new Promise((resolve) => {
        finish = () => resolve(late.engine);
      });
    });
    const controller = new AbortController();
    const opening = connectEngine(port1, {}, { signal: controller.signal });
    await arrive();
    controller.abort();
    await expect(opening).rejects.toMatchObject({ code: 'aborted' });
    await arrive();
    expect(isAborted).toBe(true);
    finish();
    await arrive();
    expect(late.runner.isDisposed).toBe(true);
  });
});

describe('the end', () => {
  it('dispose ends calls under way and refuses later ones', async () => {
    const { engine, runner } = await connected();
    const outcome = collect(engine.generate(request([5])));
    await arrive();
    await engine.dispose();
    await engine.dispose();
    expect((await outcome).code).toBe('disposed');
    expect(runner.isDisposed).toBe(true);
    await expect(engine.stats()).rejects.toMatchObject({ code: 'disposed' });
  });

  it('a host that stops serving disposes of its engine', async () => {
    const { port1, port2 } = channel();
    const made = create();
    const stop = serveEngine(port2, async () => made.engine);
    const engine = await connectEngine(port1, {});
    const outcome = collect(engine.generate(request([5])));
    await arrive();
    await stop();
    expect(made.runner.isDisposed).toBe(true);
    await expectAtRest(made.engine, made.runner);
    expect(['aborted', 'disposed']).toContain((await outcome).code);
  });

  it('a crash rejects everything', async () => {
    let crash: (cause: unknown) => void = () => {};
    let hear: (message: unknown) => void = () => {};
    const sent: { readonly id: number }[] = [];
    const endpoint: Endpoint = {
      post: (message) => sent.push(message as { readonly id: number }),
      listen: (onMessage, onFailure) => {
        hear = onMessage;
        crash = onFailure;
        return () => {};
      },
    };
    const opening = connectEngine(endpoint, {});
    await settle();
    hear({ ...sent[0], kind: 'result', result: { model: 'toy' } });
    const engine = await opening;
    const outcome = collect(engine.generate(request([5])));
    const stats = expect(engine.stats()).rejects.toMatchObject({ code: 'internal', hint: expect.any(String) });
    crash(Object.assign(new Event('error'), { message: 'out of memory' }));
    expect((await outcome).code).toBe('internal');
    await stats;
    await expect(engine.encode('a')).rejects.toThrow('out of memory');
    await engine.dispose();
  });
});

describe('foreign messages', () => {
  const foreign: unknown[] = [
    null,
    'text',
    { kind: 'call' },
    { protocol: 'pagemind/0', id: 0, kind: 'result', result: 1 },
    { protocol: 'pagemind/1', kind: 'result', result: 1 },
    { protocol: 'pagemind/1', id: 0, kind: 'error', error: 'no' },
    { protocol: 'pagemind/1', id: 1e9, kind: 'result', result: 1 },
    { protocol: 'pagemind/1', id: 0, kind: 'call', method: 'stats' },
    { protocol: 'pagemind/1', id: 'x', kind: 'cancel' },
    { protocol: 'pagemind/1', id: 1e9, kind: 'cancel' },
  ];

  it('are ignored on both sides', async () => {
    const { port1, port2 } = channel();
    const made = create();
    serveEngine(port2, async () => made.engine);
    const engine = await connectEngine(port1, {});
    const outcome = collect(engine.generate(request([5])));
    for (const message of foreign) {
      port1.postMessage(message);
      port2.postMessage(message);
    }
    await drainRemote(made.runner);
    expect((await outcome).ids).toEqual(answerOf([5], 10));
  });

  it('that name no method are answered with an error', async () => {
    const { port, engine } = await connected();
    const answers: unknown[] = [];
    port.addEventListener('message', ({ data }) => answers.push(data));
    for (const method of ['toString', '__proto__', 'nothing']) {
      port.postMessage({ protocol: 'pagemind/1', id: 99, kind: 'call', method, args: [] });
    }
    await arrive();
    expect(answers).toMatchObject(Array(3).fill({ kind: 'error', id: 99, error: { code: 'invalid_request' } }));
    expect(engine.info.model).toBe('toy');
  });
});
