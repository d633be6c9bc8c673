// LMDeploy's pipeline over an engine with a fake runner: what counts as one prompt, defaults, batches, streams, and how
// they end.
import { describe, expect, it } from 'vitest';
import type { EngineInfo } from '../engine/core.js';
import type { ImageReader } from '../engine/images.js';
import { create, drain, expectAtRest, settle, tokenizer } from '../testing/engine-harness.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import { Engine } from './engine-api.js';
import { createPipeline, openPipeline, type Pipeline } from './pipeline.js';
import { type GenerationConfig, readGenerationConfig } from './pipeline-config.js';
import { listPrompts, type PipelinePrompt, readPrompt } from './pipeline-prompt.js';
import type { PipelineChunk, PipelineResponse } from './pipeline-response.js';

const chatTemplate = {
  needsSpecialTokens: false,
  render: (messages: readonly { readonly content?: unknown }[]): string =>
    messages.map(({ content }) => content).join(''),
};

function open(defaults: GenerationConfig = { maxNewTokens: 6, ignoreEos: true }): {
  readonly pipe: Pipeline;
  readonly runner: FakeRunner;
  readonly core: ReturnType<typeof create>['engine'];
} {
  const info = { model: 'toy', maxBatchSize: 4 } as EngineInfo;
  const { engine: core, runner } = create({}, { info, text: { tokenizer, chatTemplate } });
  return { pipe: createPipeline(new Engine(core), defaults), runner, core };
}

const idsOf = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });

function answerTo(
  text: string,
  numTokens = 6,
): Pick<PipelineResponse, 'text' | 'tokenIds' | 'inputTokenLen' | 'logprobs'> {
  const tokenIds = answerOf(idsOf(text), numTokens);
  return {
    text: tokenizer.decode(tokenIds, { skipSpecialTokens: true }),
    tokenIds,
    inputTokenLen: text.length,
    logprobs: null,
  };
}

async function collect(stream: AsyncIterable<PipelineChunk>): Promise<PipelineChunk[]> {
  const chunks: PipelineChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const URL_IMAGE = new URL('https://example.org/cat.png');
const PIXELS = { width: 1, height: 1, data: new Uint8Array(3) };
const MESSAGES = [{ role: 'user', content: 'abc' }] as const;

describe('one prompt or several', () => {
  const image = (value: object) => ({ type: 'image', image: value });
  const text = { type: 'text', text: 'a' };

  it.each<[string, PipelinePrompt, unknown]>([
    ['a text', 'a', 'a'],
    ['messages', MESSAGES, 'abc'],
    ['a text and an address', ['a', URL_IMAGE], [image(URL_IMAGE), text]],
    ['a text and pixels', ['a', PIXELS], [image(PIXELS), text]],
    ['a text and images', ['a', [URL_IMAGE, PIXELS]], [image(URL_IMAGE), image(PIXELS), text]],
    ['a text and no images', ['a', []], 'a'],
  ])('%s is one', (_, prompt, content) => {
    expect(listPrompts(prompt)).toEqual({ isBatch: false, items: [prompt] });
    expect(readPrompt(prompt, true)).toEqual({ kind: 'messages', messages: [{ role: 'user', content }] });
  });

  it.each<[string, readonly PipelinePrompt[]]>([
    ['no prompts', []],
    ['one text', ['a']],
    ['two texts', ['a', 'b']],
    ['texts that look like addresses', ['a', 'https://example.org/cat.png']],
    ['lists of messages', [MESSAGES, MESSAGES]],
    ['a text and messages', ['a', MESSAGES]],
    [
      'texts with images',
      [
        ['a', URL_IMAGE],
        ['b', [PIXELS]],
      ],
    ],
    ['a text, and a text with an image', ['a', ['b', PIXELS]]],
    ['three texts', ['a', 'b', 'c']],
  ])('%s: a list', (_, prompts) => {
    expect(listPrompts(prompts)).toEqual({ isBatch: true, items: prompts });
    for (const prompt of prompts) expect(listPrompts(prompt).isBatch).toBe(false);
  });

  it.each([
    ['a number', 5, /no prompt/],
    ['a message alone', MESSAGES[0], /no prompt/],
    ['an address as a string among images', ['a', ['cat.png']], /no prompt/],
    ['a message without a role', [{ role: 'user', content: 'a' }, { content: 'b' }], /messages\[1\]\.role/],
  ])('refuses %s', (_, prompt, message) => {
    expect(() => readPrompt(prompt, true)).toThrow(message);
  });

  it('leaves texts alone without preprocessing, and messages out', () => {
    const alone = { kind: 'text', text: 'a', addSpecialTokens: true };
    expect(readPrompt('a', false)).toEqual({ ...alone, images: [] });
    expect(readPrompt(['a', PIXELS], false)).toEqual({ ...alone, images: [PIXELS] });
    expect(() => readPrompt(MESSAGES, false)).toThrow(/chat template/);
  });
});

describe('generation config', () => {
  const GREEDY = {
    sampling: { temperature: 0, repetitionPenalty: 1 },
    maxNewTokens: 512,
    minNewTokens: 0,
    stopStrings: [],
    stopTokenIds: [],
    badWords: [],
    badTokenIds: [],
    ignoreEos: false,
    skipSpecialTokens: true,
    numChoices: 1,
    priority: 0,
  };
  const SAMPLED = { temperature: 0.8, topP: 1, topK: 50, minP: 0, repetitionPenalty: 1 };

  it.each<[GenerationConfig, object]>([
    [{}, {}],
    [{ temperature: 1.5, topK: 3 }, {}],
    [{ doSample: true }, { sampling: SAMPLED }],
    [
      {
        doSample: true,
        temperature: 1,
        topP: 0.9,
        topK: 0,
        minP: 0.1,
        repetitionPenalty: 1.1,
        randomSeed: 2 ** 32 + 7,
      },
      { sampling: { temperature: 1, topP: 0.9, topK: 0, minP: 0.1, repetitionPenalty: 1.1, seed: 7 } },
    ],
    [
      { maxNewTokens: 4, minNewTokens: 2 },
      { maxNewTokens: 4, minNewTokens: 2 },
    ],
    [
      { n: 3, priority: -1 },
      { numChoices: 3, priority: -1 },
    ],
    [
      { stopWords: ['.'], stopTokenIds: [2], ignoreEos: true, skipSpecialTokens: false },
      { stopStrings: ['.'], stopTokenIds: [2], ignoreEos: true, skipSpecialTokens: false },
    ],
    [
      { badWords: ['x'], badTokenIds: [3], logprobs: 2 },
      { badWords: ['x'], badTokenIds: [3], logprobs: 2 },
    ],
  ])('%j over the defaults of LMDeploy', (given, wanted) => {
    expect(readGenerationConfig(given, 'generationConfig.')).toEqual({ ...GREEDY, ...wanted });
  });

  it('takes what a call does not name from the pipeline', () => {
    const { maxNewTokens, ignoreEos } = readGenerationConfig({ maxNewTokens: 3 }, '', {
      maxNewTokens: 9,
      ignoreEos: true,
    });
    expect({ maxNewTokens, ignoreEos }).toEqual({ maxNewTokens: 3, ignoreEos: true });
  });

  it.each([
    [{ max_new_tokens: 5 }, /generationConfig\.max_new_tokens is not a known field/],
    [{ temperature: 3 }, /generationConfig\.temperature/],
    [{ topK: 1.5 }, /generationConfig\.topK/],
    [{ maxNewTokens: 0 }, /generationConfig\.maxNewTokens/],
    [{ doSample: 'yes' }, /generationConfig\.doSample/],
    [{ stopWords: 'x' }, /generationConfig\.stopWords is not a list of texts/],
    [{ stopTokenIds: [-1] }, /generationConfig\.stopTokenIds/],
    [{ n: 0 }, /generationConfig\.n/],
    [{ priority: 0.5 }, /generationConfig\.priority/],
    [{ badTokenIds: 3 }, /generationConfig\.badTokenIds/],
    [{ badWords: [''] }, /generationConfig\.badWords/],
    [{ logprobs: 21 }, /generationConfig\.logprobs/],
    ['fast', /generationConfig is not an object/],
  ])('refuses %j', (given, message) => {
    expect(() => readGenerationConfig(given, 'generationConfig.')).toThrow(message);
  });
});

describe('pipeline', () => {
  it('answers one prompt with a response', async () => {
    const { pipe, runner, core } = open();
    const response = pipe('abc');
    await drain(runner);
    expect(await response).toEqual({ index: 0, ...answerTo('abc'), generateTokenLen: 6, finishReason: 'length' });
    await expectAtRest(core, runner);
  });

  it('answers a list in its order, more prompts than the engine holds at once, each with its config', async () => {
    const { pipe, runner, core } = open();
    const texts = Array.from({ length: 70 }, (_, i) => 'abcdefg'.slice(i % 7) + 'ab'.repeat(i % 3));
    const lengths = texts.map((_, i) => 1 + ((i * 5) % 8));
    const responses = pipe(
      texts,
      lengths.map((maxNewTokens) => ({ maxNewTokens })),
    );
    await drain(runner);
    expect(await responses).toEqual(
      texts.map((text, index) => {
        const generateTokenLen = lengths[index];
        return { index, ...answerTo(text, generateTokenLen), generateTokenLen, finishReason: 'length' };
      }),
    );
    await expectAtRest(core, runner);
  });

  it('gives `n` answers, of which the first holds the others', async () => {
    const { pipe, runner, core } = open();
    const stream = collect(pipe.streamInfer('abc', { n: 2 }));
    const response = pipe('abc', { n: 3 });
    await drain(runner);
    const { others, ...first } = await response;
    expect(first).toEqual({ index: 0, ...answerTo('abc'), generateTokenLen: 6, finishReason: 'length' });
    expect(others).toEqual([first, first]);
    for (const choice of [0, 1]) {
      const own = (await stream).filter((chunk) => chunk.choice === choice);
      expect(own.flatMap(({ tokenIds }) => tokenIds)).toEqual(first.tokenIds);
      expect(own.filter(({ finishReason }) => finishReason !== null)).toHaveLength(1);
    }
    await expectAtRest(core, runner);
  });

  it('gives an empty list for an empty one', async () => {
    expect(await open().pipe([])).toEqual([]);
  });

  it('puts no template around a text that is not to be preprocessed', async () => {
    const { pipe, runner } = open();
    const response = pipe('abc', {}, { doPreprocess: false });
    await drain(runner);
    expect((await response).tokenIds).toEqual(answerOf([0, ...idsOf('abc')], 6));
  });

  it('streams the same answers, each piece with the index of its prompt', async () => {
    const { pipe, runner, core } = open();
    const stream = collect(pipe.streamInfer(['abc', 'de'], [{ maxNewTokens: 9 }, { maxNewTokens: 5 }]));
    await drain(runner);
    const chunks = await stream;
    expect(new Set(chunks.slice(0, 2).map(({ index }) => index))).toEqual(new Set([0, 1]));
    for (const [index, answer] of [answerTo('abc', 9), answerTo('de', 5)].entries()) {
      const own = chunks.filter((chunk) => chunk.index === index);
      expect(own.map(({ text }) => text).join('')).toBe(answer.text);
      expect(own.flatMap(({ tokenIds }) => tokenIds)).toEqual(answer.tokenIds);
      expect(own.slice(0, -1).every(({ finishReason }) => finishReason === null)).toBe(true);
      expect(own.at(-1)).toMatchObject({
        finishReason: 'length',
        generateTokenLen: answer.tokenIds.length,
        inputTokenLen: answer.inputTokenLen,
      });
    }
    await expectAtRest(core, runner);
  });

  it.each([
    ['that is none', 5, 'invalid_request'],
    ['with a wrong message', [{ role: 'cook', content: 'a' }], 'invalid_request'],
    ['that is too long', 'a'.repeat(100), 'context_too_long'],
    ['with an image for a model that takes none', ['a', URL_IMAGE], 'invalid_request'],
  ])('names a prompt %s and cancels the others', async (_, wrong, code) => {
    const { pipe, runner, core } = open();
    const prompts = ['abc', wrong, 'abc'] as PipelinePrompt[];
    const call = expect(pipe(prompts)).rejects.toMatchObject({ code, message: /^prompts\[1\]: / });
    const stream = expect(collect(pipe.streamInfer(prompts))).rejects.toMatchObject({ code });
    await drain(runner);
    await Promise.all([call, stream]);
    await expectAtRest(core, runner);
  });

  it('does not number a prompt alone', async () => {
    await expect(open().pipe('a'.repeat(100))).rejects.toMatchObject({ message: /^The prompt has 100 tokens/ });
  });

  it('refuses another number of configs than of prompts', async () => {
    const { pipe } = open();
    await expect(pipe(['a', 'b'], [{}])).rejects.toThrow('2 prompts and 1 generation configs');
    await expect(pipe(['a', 'b'], [{}, { topP: 2 }])).rejects.toThrow('generationConfig[1].topP');
  });

  it('is cancelled by its signal, and by leaving a stream, read or not', async () => {
    const { pipe, runner, core } = open({ maxNewTokens: 40, ignoreEos: true });
    const controller = new AbortController();
    const call = pipe(['abc', 'de'], {}, { signal: controller.signal });
    const streamed = collect(pipe.streamInfer('abc', {}, { signal: controller.signal }));
    const unread = pipe.streamInfer('abc');
    await settle();
    expect((await core.stats()).numRunning).toBe(4);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'aborted' });
    await expect(streamed).rejects.toMatchObject({ code: 'aborted' });
    await unread[Symbol.asyncIterator]().return?.();
    await drain(runner);
    await expectAtRest(core, runner);
  });

  it('closes its engine', async () => {
    const { pipe, runner } = open();
    const call = expect(pipe('abc')).rejects.toMatchObject({ code: 'disposed' });
    await settle();
    await pipe.close();
    await call;
    expect(runner.isDisposed).toBe(true);
    await expect(pipe('abc')).rejects.toMatchObject({ code: 'disposed' });
  });

  it('hands images on, those of a URL object too', async () => {
    const seen: unknown[] = [];
    const images: ImageReader = {
      imageTokenId: 5,
      processor: 'fake',
      read: async (image) => {
        seen.push(image);
        throw new Error('enough');
      },
    };
    const { engine } = create(
      {},
      { info: { maxBatchSize: 1 } as EngineInfo, text: { tokenizer, chatTemplate }, images },
    );
    const pipe = createPipeline(new Engine(engine));
    await expect(pipe(['abc', URL_IMAGE])).rejects.toThrow('enough');
    await expect(pipe(['abc', [PIXELS, URL_IMAGE]])).rejects.toThrow('enough');
    expect(seen).toEqual([URL_IMAGE.href, PIXELS]);
  });
});

describe('opening a pipeline', () => {
  const { pipe } = open();

  it('loads the model with the engine config', async () => {
    const given: unknown[] = [];
    const opened = await openPipeline({ engineConfig: { sessionLen: 9 } }, async (engineConfig) => {
      given.push(engineConfig);
      return pipe.engine;
    });
    expect(given).toEqual([{ sessionLen: 9 }]);
    expect(opened.engine).toBe(pipe.engine);
  });

  it.each([
    [{ backendConfig: {} }, 'options.backendConfig is not a known field'],
    [{ generationConfig: { top_p: 1 } }, 'generationConfig.top_p is not a known field'],
  ])('refuses %j before anything is loaded', async (options, message) => {
    const load = async (): Promise<Engine> => {
      throw new Error('loaded');
    };
    await expect(openPipeline(options as object, load)).rejects.toThrow(message);
  });
});
