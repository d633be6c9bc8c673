// OpenAI's shapes over an engine with a fake runner: answers, streams, and every field that can be wrong.
import { describe, expect, it } from 'vitest';
import { create, drain, expectAtRest, settle, tokenizer } from '../testing/engine-harness.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import { Engine } from './engine-api.js';
import type { ChatCompletionRequest, CompletionRequest } from './types.js';
import { validateChatCompletion, validateCompletion } from './validate.js';

const chatTemplate = {
  needsSpecialTokens: false,
  render: (messages: readonly { readonly content?: unknown }[]): string =>
    messages.map(({ content }) => content).join(''),
};

function createApi(): { engine: Engine; runner: FakeRunner; core: ReturnType<typeof create>['engine'] } {
  const { engine: core, runner } = create({}, { text: { tokenizer, chatTemplate } });
  return { engine: new Engine(core), core, runner };
}

const MESSAGES = [{ role: 'user', content: 'abc' }] as const;
const IDS = tokenizer.encode('abc', { addSpecialTokens: false });
const CHAT = { messages: MESSAGES, max_tokens: 8, ignore_eos: true } as const;

function textOf(ids: readonly number[]): string {
  return tokenizer.decode(ids, { skipSpecialTokens: true });
}

async function all<T>(stream: Promise<AsyncIterable<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of await stream) items.push(item);
  return items;
}

describe('chat.completions.create', () => {
  it('answers as OpenAI does', async () => {
    const { engine, runner } = createApi();
    const answer = engine.chat.completions.create(CHAT);
    await drain(runner);
    expect(await answer).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'toy',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: textOf(answerOf(IDS, 8)), refusal: null },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage: {
        prompt_tokens: 3,
        completion_tokens: 8,
        total_tokens: 11,
        prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
      },
      stats: {
        queue_ms: 0,
        time_to_first_token_ms: 0,
        total_ms: 0,
        prefill_tokens_per_second: 0,
        decode_tokens_per_second: 0,
      },
    });
    expect(Math.abs((await answer).created - Date.now() / 1000)).toBeLessThan(60);
  });

  it('streams the same text, with one id', async () => {
    const { engine, runner } = createApi();
    const chunks = all(engine.chat.completions.create({ ...CHAT, stream: true }));
    await drain(runner);
    const [opening, ...rest] = await chunks;
    expect(opening?.choices).toMatchObject([{ delta: { role: 'assistant', content: '' }, finish_reason: null }]);
    expect(rest.map(({ choices: [choice] }) => choice?.delta.content ?? '').join('')).toBe(textOf(answerOf(IDS, 8)));
    expect(rest.at(-1)?.choices).toEqual([{ index: 0, delta: {}, logprobs: null, finish_reason: 'length' }]);
    expect(new Set((await chunks).map(({ id, created }) => `${id} ${created}`)).size).toBe(1);
    expect(rest.some((chunk) => 'usage' in chunk)).toBe(false);
  });

  it('ends a stream with the usage where asked', async () => {
    const { engine, runner } = createApi();
    const chunks = all(
      engine.chat.completions.create({ ...CHAT, stream: true, stream_options: { include_usage: true } }),
    );
    await drain(runner);
    const last = (await chunks).at(-1);
    expect(last).toMatchObject({ choices: [], usage: { total_tokens: 11 }, stats: { queue_ms: 0 } });
    expect((await chunks).slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it('gives several choices, which have their prompt in common', async () => {
    const { engine, core, runner } = createApi();
    const body = { ...CHAT, n: 3, best_of: 3, seed: 8 };
    const answer = engine.chat.completions.create(body);
    const chunks = all(
      engine.chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } }),
    );
    await drain(runner);
    const { choices, usage } = await answer;
    const content = textOf(answerOf(IDS, 8));
    expect(choices).toEqual(
      [0, 1, 2].map((index) => ({
        index,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: 'length',
      })),
    );
    expect(usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 24, total_tokens: 27 });
    expect(runner.begins.map(({ params }) => params.seed)).toEqual([8, 9, 10, 8, 9, 10]);
    for (const index of [0, 1, 2]) {
      const own = (await chunks).flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index);
      expect(own[0]?.delta).toEqual({ role: 'assistant', content: '' });
      expect(own.map(({ delta }) => delta.content ?? '').join('')).toBe(content);
      expect(own.filter(({ finish_reason }) => finish_reason !== null)).toHaveLength(1);
    }
    const withUsage = (await chunks).filter((chunk) => chunk.usage);
    expect(withUsage).toMatchObject([{ choices: [], usage: { prompt_tokens: 3, completion_tokens: 24 } }]);
    expect((await chunks).at(-1)).toBe(withUsage[0]);
    await expectAtRest(core, runner);
  });

  it('cancels by signal, and by leaving a stream, read or not', async () => {
    const { engine, core, runner } = createApi();
    const controller = new AbortController();
    const answer = engine.chat.completions.create(CHAT, { signal: controller.signal });
    const unread = await engine.chat.completions.create({ ...CHAT, stream: true });
    await settle();
    expect((await core.stats()).numRunning).toBe(2);
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: 'aborted' });
    await unread[Symbol.asyncIterator]().return?.();
    expect((await core.stats()).numRunning).toBe(0);
    const stream = await engine.chat.completions.create({ ...CHAT, stream: true });
    await settle();
    const reading = (async () => {
      for await (const _ of stream) break;
    })();
    await drain(runner);
    await reading;
    await expectAtRest(core, runner);
  });

  it('fails before the first chunk when the engine refuses', async () => {
    const { engine } = createApi();
    const content = 'a'.repeat(100);
    const body = { messages: [{ role: 'user', content }] } as const;
    await expect(engine.chat.completions.create(body)).rejects.toMatchObject({ code: 'context_too_long' });
    const stream = await engine.chat.completions.create({ ...body, stream: true });
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'context_too_long' });
  });

  it('hands every field on', () => {
    const body = {
      model: 'any',
      messages: [
        { role: 'developer', content: 'a' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'b' },
            { type: 'text', text: 'c' },
          ],
          name: 'ann',
        },
        { role: 'assistant', content: 'd', refusal: null },
      ],
      max_completion_tokens: 7,
      max_tokens: 9,
      stop: 'x',
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.5,
      top_p: 0.9,
      seed: -1,
      presence_penalty: 1,
      frequency_penalty: -1,
      top_k: 5,
      min_p: 0.1,
      repetition_penalty: 1.1,
      ignore_eos: true,
      min_new_tokens: 2,
      stop_token_ids: [3],
      logit_bias: { 5: -100, 7: 2.5 },
      bad_token_ids: [6],
      bad_words: ['w'],
      skip_special_tokens: false,
      chat_template_kwargs: { enable_thinking: false },
      user: 'u',
      n: 2,
      priority: -3,
      tools: [],
      logprobs: true,
      top_logprobs: 4,
      response_format: { type: 'text' },
    };
    expect(validateChatCompletion(body)).toEqual({
      request: {
        prompt: {
          kind: 'messages',
          messages: [
            { role: 'system', content: 'a' },
            { role: 'user', content: 'bc', name: 'ann' },
            { role: 'assistant', content: 'd' },
          ],
          templateOptions: { enable_thinking: false },
        },
        sampling: {
          temperature: 0.5,
          topP: 0.9,
          topK: 5,
          minP: 0.1,
          repetitionPenalty: 1.1,
          presencePenalty: 1,
          frequencyPenalty: -1,
          seed: 0xffffffff,
        },
        maxNewTokens: 7,
        minNewTokens: 2,
        stopStrings: ['x'],
        stopTokenIds: [3],
        logitBias: { 5: -100, 7: 2.5 },
        badTokenIds: [6],
        badWords: ['w'],
        logprobs: 4,
        ignoreEos: true,
        skipSpecialTokens: false,
        numChoices: 2,
        priority: -3,
      },
      stream: true,
      includeUsage: true,
    });
  });

  it('leaves to the engine what is missing or null', () => {
    const body = { messages: MESSAGES, temperature: null, stop: null, stream: null, max_tokens: null, tools: null };
    const request = { prompt: { kind: 'messages', messages: MESSAGES }, sampling: {} };
    expect(validateChatCompletion(body)).toEqual({ request, stream: false, includeUsage: false });
  });

  const part = (value: unknown): unknown => [{ role: 'user', content: [value] }];
  const wrong: [string, unknown][] = [
    ['request', 'text'],
    ['request', null],
    ['messages', {}],
    ['messages', { messages: [] }],
    ['messages[0]', { messages: ['hi'] }],
    ['messages[0].role', { messages: [{ role: 'tool', content: 'a' }] }],
    ['messages[0].content', { messages: [{ role: 'user' }] }],
    ['messages[0].tool_calls', { messages: [{ role: 'assistant', content: '', tool_calls: [{}] }] }],
    ['images', { messages: part({ type: 'image_url', image_url: { url: 'x' } }) }],
    ['messages[0].content[0]', { messages: part({ type: 'text' }) }],
    ['max_tokens', { ...CHAT, max_tokens: 0 }],
    ['max_completion_tokens', { ...CHAT, max_completion_tokens: 1.5 }],
    ['temperature', { ...CHAT, temperature: 2.1 }],
    ['temperature', { ...CHAT, temperature: '1' }],
    ['temperature', { ...CHAT, temperature: Number.NaN }],
    ['top_p', { ...CHAT, top_p: -0.1 }],
    ['top_k', { ...CHAT, top_k: -1 }],
    ['seed', { ...CHAT, seed: 0.5 }],
    ['stop', { ...CHAT, stop: [''] }],
    ['stop', { ...CHAT, stop: [1] }],
    ['stream', { ...CHAT, stream: 'yes' }],
    ['stream_options.usage', { ...CHAT, stream_options: { usage: true } }],
    ['chat_template_kwargs', { ...CHAT, chat_template_kwargs: [] }],
    ['n', { ...CHAT, n: 0 }],
    ['numChoices', { ...CHAT, n: 129 }],
    ['best_of', { ...CHAT, n: 2, best_of: 3 }],
    ['priority', { ...CHAT, priority: 0.5 }],
    ['tools', { ...CHAT, tools: [{ type: 'function' }] }],
    ['tool_choice', { ...CHAT, tool_choice: 'required' }],
    ['response_format', { ...CHAT, response_format: { type: 'json_object' } }],
    ['logprobs', { ...CHAT, logprobs: 1 }],
    ['top_logprobs', { ...CHAT, top_logprobs: 2 }],
    ['top_logprobs', { ...CHAT, logprobs: true, top_logprobs: 21 }],
    ['logit_bias', { ...CHAT, logit_bias: [1] }],
    ['logit_bias.x', { ...CHAT, logit_bias: { x: 1 } }],
    ['logit_bias.5', { ...CHAT, logit_bias: { 5: 101 } }],
    ['stop_token_ids', { ...CHAT, stop_token_ids: [0.5] }],
    ['bad_token_ids', { ...CHAT, bad_token_ids: 5 }],
    ['bad_words', { ...CHAT, bad_words: [''] }],
    ['temprature', { ...CHAT, temprature: 1 }],
  ];
  it.each(wrong)('refuses a wrong %s: %j', async (name, body) => {
    const { engine } = createApi();
    const call = engine.chat.completions.create(body as ChatCompletionRequest);
    await expect(call).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining(name) });
  });
});

describe('completions.create', () => {
  it('continues a text or ids, 16 tokens if not told otherwise', async () => {
    const { engine, runner } = createApi();
    const ids = [0, ...IDS];
    const answers = ['abc', ids].map((prompt) => engine.completions.create({ prompt, ignore_eos: true }));
    await drain(runner);
    for (const answer of answers) {
      expect(await answer).toMatchObject({
        id: expect.stringMatching(/^cmpl-/),
        object: 'text_completion',
        choices: [{ index: 0, text: textOf(answerOf(ids, 16)), finish_reason: 'length', logprobs: null }],
        usage: { prompt_tokens: 4, completion_tokens: 16 },
      });
    }
  });

  it('streams', async () => {
    const { engine, runner } = createApi();
    const body = { prompt: IDS, max_tokens: 5, ignore_eos: true, stream_options: { include_usage: true } };
    const chunks = all(engine.completions.create({ ...body, stream: true }));
    await drain(runner);
    const [usage, finish, ...texts] = (await chunks).toReversed();
    expect(usage).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
    expect(finish?.choices).toMatchObject([{ text: '', finish_reason: 'length' }]);
    const text = texts.toReversed().map(({ choices: [choice] }) => choice?.text);
    expect(text.join('')).toBe(textOf(answerOf(IDS, 5)));
  });

  it('gives several choices', async () => {
    const { engine, runner } = createApi();
    const answer = engine.completions.create({ prompt: IDS, max_tokens: 5, ignore_eos: true, n: 2 });
    await drain(runner);
    const text = textOf(answerOf(IDS, 5));
    const { choices, usage } = await answer;
    expect(choices).toMatchObject([
      { index: 0, text },
      { index: 1, text },
    ]);
    expect(usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 10 });
  });

  it.each([
    ['prompt', {}],
    ['prompt', { prompt: ['a', 'b'] }],
    ['prompt', { prompt: [1.5] }],
    ['echo', { prompt: 'a', echo: true }],
    ['suffix', { prompt: 'a', suffix: 'b' }],
    ['logprobs', { prompt: 'a', logprobs: 6 }],
    ['logprobs', { prompt: 'a', logprobs: true }],
    ['messages', { prompt: 'a', messages: MESSAGES }],
  ])('refuses a wrong %s: %j', async (name, body) => {
    expect(() => validateCompletion(body as unknown as CompletionRequest)).toThrow(name);
  });
});

describe('Engine', () => {
  it('passes its own calls on', async () => {
    const { engine, core, runner } = createApi();
    expect(engine.info).toBe(core.info);
    expect(await engine.encode('abc', { addSpecialTokens: false })).toEqual(IDS);
    expect(await engine.decode(IDS)).toBe(await core.decode(IDS));
    expect(await engine.stats()).toEqual(await core.stats());
    const logits = engine.logits(IDS);
    await drain(runner);
    expect(await logits).toHaveLength(IDS.length * 97);
    await engine.dispose();
    expect(runner.isDisposed).toBe(true);
  });
});
