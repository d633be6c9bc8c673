// The engine over a fake runner: what comes out is what the toy model answers, whatever is cut, shared, stopped or broken.
import { describe, expect, it } from 'vitest';
import { GREEDY } from '../sampling/params.js';
import { collect, create, drain, expectAtRest, request, settle, tokenizer } from '../testing/engine-harness.js';
import { answerOf, FakeRunner } from '../testing/fake-runner.js';
import type { EngineInfo, GenerateRequest } from './core.js';
import { LocalEngine } from './engine.js';

const PROMPT = [5, 6, 7];

describe('generate', () => {
  it.each(['in order', 'reversed'] as const)('answers as the model does, results arriving %s', async (order) => {
    const { engine, runner } = create();
    const prompts = [[5], [6, 7, 8], Array.from({ length: 30 }, (_, i) => i), [9, 9], [10], [11, 12]];
    const outcomes = prompts.map((ids) => collect(engine.generate(request(ids))));
    await drain(runner, order);
    for (const [i, ids] of prompts.entries()) {
      const outcome = await outcomes[i];
      expect(outcome).toMatchObject({ ids: answerOf(ids, 10), end: { finishReason: 'length' }, code: undefined });
      expect(outcome?.text).toBe(tokenizer.decode(answerOf(ids, 10)));
      expect(outcome?.end).toMatchObject({
        usage: { promptTokens: ids.length, completionTokens: 10, cachedTokens: 0 },
      });
    }
    await expectAtRest(engine, runner);
  });

  it('has submissions in flight before the first result is consumed, and never waits with room for one', async () => {
    const { engine, runner } = create();
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 40 })));
    await settle();
    expect(runner.numPending).toBe(3);
    expect(runner.plans.map(({ sequences: [share] }) => share?.tokens.length)).toEqual([3, 0, 0]);
    for (let i = 0; i < 8; i++) {
      runner.deliver();
      await settle();
      expect(runner.numPending).toBe(3);
    }
    await drain(runner);
    expect((await outcome).ids).toEqual(answerOf(PROMPT, 40));
  });

  it('takes a new request into the next step', async () => {
    const { engine, runner } = create();
    const first = collect(engine.generate(request(PROMPT, { maxNewTokens: 2 })));
    await settle();
    expect(runner.plans).toHaveLength(2);
    const second = collect(engine.generate(request([8, 9])));
    await settle();
    expect(runner.plans[2]?.sequences).toMatchObject([{ tokens: [8, 9] }]);
    await drain(runner);
    expect((await first).ids).toEqual(answerOf(PROMPT, 2));
    expect((await second).ids).toEqual(answerOf([8, 9], 10));
  });

  it('puts requests of one moment into one step', async () => {
    const { engine, runner } = create();
    const outcomes = [[5], [6], [7]].map((ids) => collect(engine.generate(request(ids))));
    await settle();
    expect(runner.plans[0]?.sequences).toHaveLength(3);
    await drain(runner);
    await Promise.all(outcomes);
  });

  it('runs steps in a row once they are known to be fast', async () => {
    const { engine, runner } = create();
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 40 })));
    await drain(runner);
    expect(Math.max(...runner.plans.map(({ numSteps }) => numSteps))).toBe(4);
    expect((await outcome).ids).toEqual(answerOf(PROMPT, 40));
  });

  it('goes on where it was after a preemption', async () => {
    const { engine, runner } = create({ numBlocks: 10, maxBatchSize: 3 });
    const prompts = [
      [5, 6],
      [7, 8],
      [9, 10],
    ];
    const outcomes = prompts.map((ids) => collect(engine.generate(request(ids, { maxNewTokens: 25 }))));
    await drain(runner);
    for (const [i, ids] of prompts.entries()) expect((await outcomes[i])?.ids).toEqual(answerOf(ids, 25));
    expect(runner.begins.some(({ generatedIds }) => generatedIds.length > 0)).toBe(true);
    await expectAtRest(engine, runner);
  });

  it('measures', async () => {
    const { engine, runner, time } = create({ maxStepsPerSubmit: 1 });
    time.now = 100;
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 3 })));
    time.now = 110;
    await settle();
    for (time.now = 140; runner.numPending > 0; time.now += 50) {
      runner.deliver();
      await settle();
    }
    expect((await outcome).end).toMatchObject({
      stats: {
        queueMs: 10,
        timeToFirstTokenMs: 40,
        totalMs: 140,
        prefillTokensPerSecond: 100,
        decodeTokensPerSecond: 20,
      },
    });
  });

  it('draws a seed for requests that name none', async () => {
    const { engine, runner } = create();
    const outcomes = [{}, { seed: 9 }].map((sampling) => collect(engine.generate(request(PROMPT, { sampling }))));
    await drain(runner);
    await Promise.all(outcomes);
    expect(runner.begins.map(({ params }) => params.seed)).toEqual([5, 9]);
  });
});

describe('an answer ends', () => {
  const answer = answerOf(PROMPT, 40);

  it('at a stop id, which counts but is not text', async () => {
    const { engine, runner } = create();
    const stop = answer[6] as number;
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 40, stopTokenIds: [stop] })));
    await drain(runner);
    const length = answer.indexOf(stop);
    expect(await outcome).toMatchObject({
      ids: answer.slice(0, length + 1),
      text: tokenizer.decode(answer.slice(0, length)),
      end: { finishReason: 'stop', usage: { completionTokens: length + 1 } },
    });
    await expectAtRest(engine, runner);
  });

  it('at a stop id beyond those that a slot holds', async () => {
    const { engine, runner } = create();
    const others = Array.from({ length: 97 }, (_, id) => id)
      .filter((id) => !answer.includes(id))
      .slice(0, 9);
    const stopTokenIds = [...others, answer[4] as number];
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 40, stopTokenIds })));
    await drain(runner);
    expect(runner.begins[0]?.stopIds).toHaveLength(8);
    expect((await outcome).end).toMatchObject({ finishReason: 'stop' });
    expect((await outcome).ids.at(-1)).toBe(answer[4]);
  });

  it("at the model's own stop ids unless they are to be ignored", async () => {
    const eosTokenIds = [answer[3] as number];
    const parts = { defaults: { sampling: GREEDY, eosTokenIds } };
    for (const [ignoreEos, numTokens] of [
      [false, answer.indexOf(answer[3] as number) + 1],
      [true, 10],
    ] as const) {
      const { engine, runner } = create({}, parts);
      const outcome = collect(engine.generate(request(PROMPT, { ignoreEos })));
      await drain(runner);
      expect((await outcome).ids).toHaveLength(numTokens);
    }
  });

  it('not at a stop id before minNewTokens', async () => {
    const { engine, runner } = create();
    const stop = answer[1] as number;
    const outcome = collect(engine.generate(request(PROMPT, { minNewTokens: 5, stopTokenIds: [stop] })));
    await drain(runner);
    expect((await outcome).ids.slice(0, 5)).not.toContain(stop);
    expect((await outcome).ids.length).toBeGreaterThanOrEqual(5);
  });

  it('where the session ends', async () => {
    const { engine, runner } = create({ sessionLen: 12 });
    const { maxNewTokens: _, ...open } = request(PROMPT);
    const outcomes = [open, request(PROMPT, { maxNewTokens: 100 })].map((each) => collect(engine.generate(each)));
    await drain(runner);
    for (const outcome of outcomes) {
      expect(await outcome).toMatchObject({ ids: answer.slice(0, 9), end: { finishReason: 'length' } });
    }
  });

  it('where the pool ends', async () => {
    const { engine, runner } = create({ numBlocks: 2 });
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 100 })));
    await drain(runner);
    expect(await outcome).toMatchObject({ ids: answer.slice(0, 5), end: { finishReason: 'length' } });
  });

  it('before a stop string anywhere, in streams as in wholes', async () => {
    const text = tokenizer.decode(answer, { skipSpecialTokens: true });
    for (let start = 0; start < 20; start++) {
      const stopStrings = [text.slice(start, start + 4)];
      const { engine, runner } = create();
      const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 40, stopStrings })));
      await drain(runner);
      const end = text.indexOf(stopStrings[0] as string);
      expect(await outcome).toMatchObject({ text: text.slice(0, end), end: { finishReason: 'stop' } });
      await expectAtRest(engine, runner);
    }
  });

  it('with its whole text when a stop string was only begun', async () => {
    const { engine, runner } = create();
    const text = tokenizer.decode(answer.slice(0, 10));
    const outcome = collect(engine.generate(request(PROMPT, { stopStrings: [`${text.slice(-3)}?`] })));
    await drain(runner);
    expect(await outcome).toMatchObject({ text, end: { finishReason: 'length' } });
  });
});

describe('a request is refused', () => {
  const cases: [string, Partial<GenerateRequest>, string][] = [
    ['with an unknown id', { prompt: { kind: 'tokens', ids: [97] } }, 'invalid_request'],
    ['with half an id', { prompt: { kind: 'tokens', ids: [1.5] } }, 'invalid_request'],
    ['longer than a session', { prompt: { kind: 'tokens', ids: Array(64).fill(1) } }, 'context_too_long'],
    ['with an empty stop string', { stopStrings: [''] }, 'invalid_request'],
    ['with an unknown stop id', { stopTokenIds: [-1] }, 'invalid_request'],
    ['for no tokens', { maxNewTokens: 0 }, 'invalid_request'],
    ['for more tokens than it may have', { minNewTokens: 11 }, 'invalid_request'],
    ['with a wild temperature', { sampling: { temperature: 3 } }, 'invalid_request'],
    ['for chat without a template', { prompt: { kind: 'messages', messages: [] } }, 'invalid_request'],
  ];
  it.each(cases)('%s', async (_, more, code) => {
    const { engine, runner } = create();
    expect((await collect(engine.generate(request(PROMPT, more)))).code).toBe(code);
    expect(runner.plans).toEqual([]);
  });

  it('that does not fit the pool, alone', async () => {
    const { engine, runner } = create({ numBlocks: 2 });
    const outcomes = [Array(8).fill(5), PROMPT].map((ids) => collect(engine.generate(request(ids))));
    await drain(runner);
    expect((await outcomes[0])?.code).toBe('out_of_kv');
    expect((await outcomes[1])?.code).toBeUndefined();
  });

  it('when too many wait', async () => {
    const { engine, runner } = create({ maxBatchSize: 1 }, { maxQueueLen: 1 });
    const outcomes = [1, 2, 3].map(() => collect(engine.generate(request(PROMPT))));
    await drain(runner);
    expect((await Promise.all(outcomes)).map(({ code }) => code)).toEqual([undefined, undefined, 'queue_full']);
  });

  it('for text when there is no tokenizer; ids go in and out', async () => {
    const { runner, engine: withText } = create();
    await withText.dispose();
    const ids = new FakeRunner();
    const engine = new LocalEngine({
      runner: ids,
      info: { model: 'toy' } as EngineInfo,
      defaults: { sampling: GREEDY, eosTokenIds: [] },
      kvOrigin: async () => 'toy',
    });
    const text = collect(engine.generate(request([], { prompt: { kind: 'text', text: 'a', addSpecialTokens: true } })));
    expect((await text).code).toBe('invalid_request');
    expect((await collect(engine.generate(request(PROMPT, { stopStrings: ['a'] })))).code).toBe('invalid_request');
    await expect(engine.encode('a')).rejects.toMatchObject({ code: 'invalid_request', hint: expect.any(String) });
    const outcome = collect(engine.generate(request(PROMPT)));
    await drain(ids);
    expect(await outcome).toMatchObject({ text: '', ids: answerOf(PROMPT, 10) });
    expect(runner.plans).toEqual([]);
  });

  it('empty, unless the model has a token that begins a text', async () => {
    const { engine, runner } = create();
    const outcome = collect(engine.generate(request([])));
    await drain(runner);
    expect((await outcome).ids).toEqual(answerOf([0], 10));
    const { engine: other } = create({}, { defaults: { sampling: GREEDY, eosTokenIds: [] } });
    expect((await collect(other.generate(request([])))).code).toBe('invalid_request');
  });
});

describe('text prompts', () => {
  it('are encoded, messages through the template', async () => {
    const chatTemplate = {
      needsSpecialTokens: false,
      render: (messages: readonly { readonly content?: unknown }[]) => messages.map(({ content }) => content).join('g'),
    };
    const { engine, runner } = create({}, { text: { tokenizer, chatTemplate } });
    const messages = [
      { role: 'user', content: 'ab' },
      { role: 'user', content: 'c' },
    ];
    const outcomes = [
      engine.generate(request([], { prompt: { kind: 'messages', messages } })),
      engine.generate(request([], { prompt: { kind: 'text', text: 'abgc', addSpecialTokens: false } })),
      engine.generate(request([], { prompt: { kind: 'text', text: 'abgc', addSpecialTokens: true } })),
    ].map(collect);
    await drain(runner);
    await Promise.all(outcomes);
    const ids = await engine.encode('abgc', { addSpecialTokens: false });
    expect(runner.begins.map(({ promptIds }) => promptIds)).toEqual([ids, ids, [0, ...ids]]);
    expect(await engine.decode(ids)).toBe(tokenizer.decode(ids));
  });
});
