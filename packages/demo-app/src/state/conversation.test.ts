// Sending, stopping and trying again, against an engine that says what the test wants.
import { PagemindError } from '@pagemind/core/client';
import { describe, expect, it } from 'vitest';
import { FakeEngine } from '../testing/fake-engine.js';
import { Conversation } from './conversation.js';
import { DESCRIBE, type Mode } from './prompt.js';
import { DEFAULT_SETTINGS, type Settings } from './settings.js';

function start(mode: Mode, settings: Partial<Settings> = {}): { engine: FakeEngine; talk: Conversation } {
  const engine = new FakeEngine();
  const talk = new Conversation({
    engine: () => engine,
    mode: () => mode,
    settings: () => ({ ...DEFAULT_SETTINGS, ...settings }),
    now: () => performance.now(),
  });
  return { engine, talk };
}

const texts = ({ turns }: Conversation): string[] => turns.value.map(({ text }) => text);

/** Lets the generation run up to its gate. */
const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 60));

describe('a conversation', () => {
  it('asks with its settings and shows the answer', async () => {
    const { engine, talk } = start('chat', { systemPrompt: 'Be brief.' });
    await talk.send('  Hi ');
    expect(texts(talk)).toEqual(['Hi', 'Hello there']);
    expect(talk.turns.value.at(-1)).toMatchObject({ status: 'done', stats: { numTokens: 2, tokensPerSecond: 20 } });
    expect(talk.numContextTokens.value).toBe(7);
    expect(engine.requests[0]).toMatchObject({
      prompt: { messages: [{ role: 'system' }, { role: 'user', content: 'Hi' }] },
      maxNewTokens: DEFAULT_SETTINGS.generation.maxTokens,
      sampling: { temperature: DEFAULT_SETTINGS.generation.temperature },
    });
  });

  it('streams while the model writes', async () => {
    const { engine, talk } = start('chat');
    let open = (): void => {};
    engine.gate = new Promise((done) => {
      open = done;
    });
    const sent = talk.send('Hi');
    await settle();
    expect(talk.isAnswering.value).toBe(true);
    expect(texts(talk)).toEqual(['Hi', 'Hello']);
    await talk.send('Still there?');
    expect(texts(talk)).toEqual(['Hi', 'Hello']);
    open();
    await sent;
    expect(texts(talk)).toEqual(['Hi', 'Hello there']);
    expect(talk.isAnswering.value).toBe(false);
  });

  it('keeps what a stopped answer had said', async () => {
    const { engine, talk } = start('chat');
    engine.gate = new Promise(() => {});
    const sent = talk.send('Hi');
    await settle();
    talk.stop();
    await sent;
    expect(texts(talk)).toEqual(['Hi', 'Hello']);
    expect(talk.turns.value.at(-1)?.status).toBe('stopped');
    expect(talk.failure.value).toBeUndefined();
  });

  it('answers once more, in place of the last answer', async () => {
    const { engine, talk } = start('chat');
    await talk.send('Hi');
    engine.words = ['Bye'];
    await talk.regenerate();
    expect(texts(talk)).toEqual(['Hi', 'Bye']);
    expect(engine.requests[1]?.prompt).toEqual(engine.requests[0]?.prompt);
  });

  it('that is cleared hears nothing more of the old answer', async () => {
    const { engine, talk } = start('chat');
    let open = (): void => {};
    engine.gate = new Promise((done) => {
      open = done;
    });
    const sent = talk.send('Hi');
    await settle();
    talk.clear();
    open();
    await sent;
    expect(texts(talk)).toEqual([]);
    expect(talk.failure.value).toBeUndefined();
  });

  it('shows what failed, and can try again', async () => {
    const { engine, talk } = start('chat');
    engine.error = new PagemindError('queue_full', 'Full.', { hint: 'Wait.' });
    await talk.send('Hi');
    expect(talk.failure.value).toEqual({ code: 'queue_full', message: 'Full.', hint: 'Wait.' });
    engine.error = undefined;
    await talk.retry();
    expect(texts(talk)).toEqual(['Hi', 'Hello there']);
    expect(talk.failure.value).toBeUndefined();
  });
});

describe('a long conversation', () => {
  /** Counts every message as `size` tokens, of which the session holds 64. */
  function startFilling(size: number): ReturnType<typeof start> {
    const started = start('chat');
    const { engine } = started;
    const generate = engine.generate.bind(engine);
    engine.generate = (request, signal) => {
      const { prompt } = request;
      const numTokens = prompt.kind === 'messages' ? prompt.messages.length * size : 0;
      engine.error = numTokens > 63 ? new PagemindError('context_too_long', 'Too long.') : undefined;
      engine.words = engine.error ? [] : ['Yes'];
      return generate(request, signal);
    };
    return started;
  }

  const questions = ({ requests }: FakeEngine): string[] =>
    requests.map(({ prompt }) =>
      prompt.kind === 'messages'
        ? prompt.messages.map(({ role, content }) => (role === 'user' ? content : '')).join('')
        : '',
    );

  it('goes on without its beginning', async () => {
    const { engine, talk } = startFilling(20);
    for (const text of ['a', 'b', 'c']) await talk.send(text);
    expect(texts(talk)).toEqual(['a', 'Yes', 'b', 'Yes', 'c', 'Yes']);
    expect(questions(engine)).toEqual(['a', 'ab', 'abc', 'bc']);
    expect(talk.numForgotten.value).toBe(2);
    await talk.send('d');
    expect(questions(engine).at(-1)).toBe('cd');
    talk.clear();
    expect(talk.numForgotten.value).toBe(0);
  });

  it('fails when the last question alone is too long', async () => {
    const { talk } = startFilling(80);
    await talk.send('a');
    expect(talk.failure.value?.code).toBe('context_too_long');
  });

  it('leaves room for the answer', async () => {
    const { engine, talk } = start('chat');
    await talk.send('a');
    talk.numContextTokens.value = 60;
    await talk.send('b');
    expect(questions(engine)).toEqual(['a', 'b']);
  });
});

describe('a conversation about pictures', () => {
  const pictures = [{ id: 1, name: 'a', blob: new Blob(['x']), thumbnail: new Blob(['x']) }];

  function startSeeing(): ReturnType<typeof start> {
    const started = start('chat');
    Object.assign(started.engine.info, { takesImages: true });
    return started;
  }

  it('asks for a description where nothing was written, and wants the likeliest', async () => {
    const { engine, talk } = startSeeing();
    await talk.send(' ', pictures);
    expect(engine.requests[0]).toMatchObject({
      prompt: { messages: [{ content: [{ type: 'image' }, { type: 'text', text: DESCRIBE }] }] },
      sampling: { temperature: 0, repetitionPenalty: 1 },
    });
    await talk.regenerate();
    expect(engine.requests[1]).toMatchObject({
      prompt: engine.requests[0]?.prompt,
      sampling: { temperature: DEFAULT_SETTINGS.generation.temperature },
    });
  });

  it('goes on after a picture that the engine cannot take, without it', async () => {
    const { engine, talk } = startSeeing();
    engine.words = [];
    engine.error = new PagemindError('invalid_image', 'Broken.');
    await talk.send('What is it?', pictures);
    expect(talk.failure.value?.code).toBe('invalid_image');
    expect(talk.turns.value).toMatchObject([{ text: 'What is it?', isRefused: true }]);
    await talk.retry();
    await talk.regenerate();
    expect(engine.requests).toHaveLength(1);
    engine.error = undefined;
    engine.words = ['Hello'];
    await talk.send('Hi');
    expect(engine.requests[1]?.prompt).toEqual({ kind: 'messages', messages: [{ role: 'user', content: 'Hi' }] });
    expect(talk.failure.value).toBeUndefined();
  });

  it('can be stopped, and asked again', async () => {
    const { engine, talk } = startSeeing();
    engine.gate = new Promise(() => {});
    const sent = talk.send('What is it?', pictures);
    await settle();
    talk.stop();
    await sent;
    engine.gate = undefined;
    await talk.regenerate();
    expect(texts(talk)).toEqual(['What is it?', 'Hello there']);
    expect(engine.requests[1]?.prompt).toEqual(engine.requests[0]?.prompt);
  });
});

describe('a story', () => {
  it('is continued as one text', async () => {
    const { engine, talk } = start('story');
    engine.words = [' upon'];
    await talk.send('Once');
    engine.words = [' time'];
    await talk.send('a');
    expect(texts(talk)).toEqual(['Once', ' upon', ' a', ' time']);
    expect(engine.requests[1]?.prompt).toEqual({ kind: 'text', text: 'Once upon a', addSpecialTokens: true });
  });

  it('goes on without a word from the person, once begun', async () => {
    const { engine, talk } = start('story');
    await talk.send('');
    expect(engine.requests).toHaveLength(0);
    engine.words = [' upon'];
    await talk.send('Once');
    await talk.send('');
    expect(texts(talk)).toEqual(['Once', ' upon', ' upon']);
  });

  it('that outgrows the session is continued from its end', async () => {
    const { engine, talk } = start('story');
    engine.words = [''];
    await talk.send('a'.repeat(100));
    expect(engine.requests[0]?.prompt).toMatchObject({ kind: 'tokens', ids: { length: 32 } });
  });

  it('keeps the earlier pieces when going on fails', async () => {
    const { engine, talk } = start('story');
    engine.words = [' upon'];
    await talk.send('Once');
    engine.words = [];
    engine.error = new PagemindError('out_of_kv', 'Full.');
    await talk.send('');
    expect(texts(talk)).toEqual(['Once', ' upon']);
    engine.error = undefined;
    engine.words = [' time'];
    await talk.retry();
    expect(texts(talk)).toEqual(['Once', ' upon', ' time']);
  });
});
