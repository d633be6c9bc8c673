// Log probabilities in every shape that an answer has, over an engine with a fake runner.
import { describe, expect, it } from 'vitest';
import { create, tokenizer } from '../testing/engine-harness.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import { createChat, finish, idsOf, textOf } from '../testing/session-harness.js';
import { tinyByteLevel } from '../testing/tiny-tokenizers.js';
import { createTokenizer } from '../text/create-tokenizer.js';
import { Engine } from './engine-api.js';
import { createPipeline } from './pipeline.js';
import type { ChatCompletionChunk, ChatCompletionRequest, CompletionChunk } from './types.js';

const MESSAGES = [{ role: 'user', content: 'abc' }] as const;
/** What the template makes of it. */
const PROMPT = idsOf('babccd');
const CHAT = { messages: MESSAGES, max_tokens: 12, ignore_eos: true, logprobs: true, top_logprobs: 2 } as const;
const ANSWER = answerOf(PROMPT, 12);

async function stream<Chunk>(runner: FakeRunner, chunks: Promise<AsyncIterable<Chunk>>): Promise<Chunk[]> {
  const all: Chunk[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of await chunks) all.push(chunk);
  };
  await finish(runner, read());
  return all;
}

async function answer(body: Partial<ChatCompletionRequest>) {
  const { engine, runner } = createChat();
  const { choices } = await finish(runner, engine.chat.completions.create({ ...CHAT, ...body, stream: false }));
  return choices[0];
}

function contentOf(chunks: readonly ChatCompletionChunk[]) {
  return chunks.flatMap(({ choices }) => choices.flatMap(({ logprobs }) => logprobs?.content ?? []));
}

describe('chat completions', () => {
  it('have the shape of OpenAI', async () => {
    const { logprobs, message } = await answer({});
    const token = (id: number, logprob: number) => {
      const text = tokenizer.decode([id % 97]);
      return { token: text, logprob, bytes: [...new TextEncoder().encode(text)] };
    };
    expect(logprobs).toEqual({
      content: ANSWER.map((id) => ({ ...token(id, -1), top_logprobs: [token(id, -1), token(id + 1, -2)] })),
      refusal: null,
    });
    expect(logprobs?.content.map((each) => each.token).join('')).toBe(message.content);
    expect((await answer({ top_logprobs: null })).logprobs?.content[0]?.top_logprobs).toEqual([]);
    expect((await answer({ logprobs: false, top_logprobs: 0 })).logprobs).toBeNull();
  });

  it('stream the same tokens, each with its text', async () => {
    const { engine, runner } = createChat();
    const chunks = await stream(runner, engine.chat.completions.create({ ...CHAT, stream: true }));
    expect(contentOf(chunks)).toEqual((await answer({})).logprobs?.content);
    for (const { choices } of chunks) {
      const text = choices[0]?.logprobs?.content.map(({ token }) => token).join('') ?? '';
      expect(text).toBe(choices[0]?.delta.content ?? '');
    }
  });

  it('leave out the id that ends the answer', async () => {
    for (const stop of [ANSWER[5] ?? 0, ANSWER[0] ?? 0]) {
      const body = { stop_token_ids: [stop] };
      const { engine, runner } = createChat();
      const chunks = await stream(runner, engine.chat.completions.create({ ...CHAT, ...body, stream: true }));
      const { logprobs } = await answer(body);
      expect(logprobs?.content).toHaveLength(ANSWER.indexOf(stop));
      expect(contentOf(chunks)).toEqual(logprobs?.content);
    }
  });

  it('leave out what a stop string cuts off, wherever it begins', async () => {
    const text = textOf(ANSWER);
    for (let start = 1; start < text.length - 4; start++) {
      const stop = text.slice(start, start + 4);
      const end = text.indexOf(stop);
      const { engine, runner } = createChat();
      const chunks = await stream(runner, engine.chat.completions.create({ ...CHAT, stop, stream: true }));
      const { logprobs, message } = await answer({ stop });
      const tokens = logprobs?.content.map(({ token }) => token) ?? [];
      expect(message.content).toBe(text.slice(0, end));
      expect(tokens.join('').startsWith(message.content)).toBe(true);
      expect(tokens.slice(0, -1).join('').length).toBeLessThan(Math.max(end, 1));
      expect(contentOf(chunks)).toEqual(logprobs?.content ?? []);
    }
  });

  it('have the bytes of tokens that are parts of characters', async () => {
    const bytes = createTokenizer({ tokenizerJson: tinyByteLevel().text });
    const { vocabSize } = bytes;
    const { engine: core, runner } = create({ vocabSize }, { text: { tokenizer: bytes } });
    const prompt = [70, 71];
    const body = { prompt, max_tokens: 40, logprobs: 1, ignore_eos: true };
    const completion = finish(runner, new Engine(core).completions.create(body));
    const request = {
      prompt: { kind: 'tokens', ids: prompt },
      sampling: {},
      maxNewTokens: 40,
      ignoreEos: true,
    } as const;
    const given: number[] = [];
    const read = async (): Promise<void> => {
      for await (const event of core.generate({ ...request, logprobs: 0 })) {
        if (event.type === 'delta') for (const token of event.logprobs ?? []) given.push(...token.bytes);
      }
    };
    await finish(runner, read());
    const { text, logprobs } = (await completion).choices[0];
    expect(text).toContain('\uFFFD');
    expect(bytes.decode(answerOf(prompt, 40, vocabSize), { skipSpecialTokens: false })).toBe(
      new TextDecoder().decode(Uint8Array.from(given)),
    );
    expect(logprobs?.tokens).toContain('\uFFFD');
    // Wherever the answer ends, also behind a character that was begun.
    const ids = answerOf(prompt, 40, vocabSize);
    for (const stop of new Set(ids.slice(0, 12))) {
      const stopped = finish(runner, new Engine(core).completions.create({ ...body, stop_token_ids: [stop] }));
      expect((await stopped).choices[0].logprobs?.tokens).toHaveLength(ids.indexOf(stop));
    }
  });
});

describe('text completions', () => {
  const body = { prompt: PROMPT, max_tokens: 12, ignore_eos: true, logprobs: 2 };

  it('have the shape of OpenAI', async () => {
    const { engine, runner } = createChat();
    const { text, logprobs } = (await finish(runner, engine.completions.create(body))).choices[0];
    const tokens = ANSWER.map((id) => tokenizer.decode([id]));
    expect(logprobs?.tokens).toEqual(tokens);
    expect(logprobs?.token_logprobs).toEqual(ANSWER.map(() => -1));
    const [first = 0] = ANSWER;
    expect(logprobs?.top_logprobs[0]).toEqual({ [tokenizer.decode([first])]: -1, [tokenizer.decode([first + 1])]: -2 });
    logprobs?.text_offset.forEach((offset, i) => {
      expect(text.slice(offset).startsWith(tokens[i] ?? '?')).toBe(true);
    });
  });

  it('stream the same lists in pieces', async () => {
    const { engine, runner } = createChat();
    const whole = (await finish(runner, engine.completions.create(body))).choices[0].logprobs;
    const chunks: CompletionChunk[] = await stream(runner, engine.completions.create({ ...body, stream: true }));
    const pieces = chunks.flatMap(({ choices }) => choices.flatMap(({ logprobs }) => logprobs ?? []));
    for (const name of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'] as const) {
      expect(pieces.flatMap((piece): readonly unknown[] => piece[name])).toEqual(whole?.[name]);
    }
  });
});

it('a pipeline gives them by id, for every token, as it comes and in the end', async () => {
  const { engine, runner } = createChat();
  const pipe = createPipeline(engine, { maxNewTokens: 6, ignoreEos: true, logprobs: 2 });
  const expected = ANSWER.slice(0, 6).map((id) => ({ [id]: -1, [(id + 1) % 97]: -2 }));
  const response = await finish(runner, pipe('abc'));
  expect(response).toMatchObject({ tokenIds: ANSWER.slice(0, 6), logprobs: expected });
  const chunks = await stream(runner, Promise.resolve(pipe.streamInfer('abc')));
  expect(chunks.flatMap(({ logprobs }) => logprobs ?? [])).toEqual(expected);
});

it('a session gives them with its answer', async () => {
  const { engine, runner } = createChat();
  const options = { max_tokens: 3, ignore_eos: true };
  const told = await finish(runner, engine.session().send('abc', { ...options, logprobs: true }));
  expect(told.logprobs?.map(({ id }) => id)).toEqual(told.tokenIds);
  expect(await finish(runner, engine.session().send('abc', options))).not.toHaveProperty('logprobs');
});
