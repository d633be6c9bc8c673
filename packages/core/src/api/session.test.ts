// Sessions over an engine with a fake runner, whose toy model sees every token: turns go on from what was really generated,
// compute only what is new, and end, fail and go back as they should.
import { describe, expect, it } from 'vitest';
import type { GenerateEvent } from '../engine/core.js';
import { expectAtRest, settle, tokenizer } from '../testing/engine-harness.js';
import { IMAGE, reader, seen } from '../testing/fake-images.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import { chatTemplate, createChat, finish, idsOf, numSent, textOf } from '../testing/session-harness.js';
import type { ChatTemplate } from '../text/chat-template.js';
import type { SendOptions, Session, SessionInput } from './session.js';

const OPTIONS = { max_tokens: 9, ignore_eos: true } as const;

function say(runner: FakeRunner, session: Session, text: SessionInput, more: SendOptions = {}) {
  return finish(runner, session.send(text, { ...OPTIONS, ...more }));
}

async function collect(stream: AsyncIterable<GenerateEvent>): Promise<readonly GenerateEvent[]> {
  const events: GenerateEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe('a turn', () => {
  it('goes on from the tokens of earlier ones, and computes only what is new', async () => {
    const { engine, core, runner } = createChat();
    const session = engine.session({ messages: [{ role: 'system', content: 'ef' }] });
    let prompt = idsOf('fefg');
    for (const text of ['abc', 'de', 'gggggg', 'a']) {
      const before = session.numTokens;
      prompt = [...prompt, ...idsOf(`b${text}cd`)];
      const from = runner.plans.length;
      const answer = await say(runner, session, text);
      const tokenIds = answerOf(prompt, 9);
      expect(answer).toMatchObject({ text: textOf(tokenIds), tokenIds, finishReason: 'length' });
      const { promptTokens, cachedTokens } = answer.usage;
      expect(promptTokens).toBe(prompt.length);
      expect(numSent(runner, from)).toBe(promptTokens - cachedTokens);
      // A block of four tokens is shared when it is full and what it holds is certain: all but the last token.
      expect(cachedTokens).toBe(before === 0 ? 0 : Math.floor((before - 1) / 4) * 4);
      prompt = [...prompt, ...tokenIds];
      expect(session.numTokens).toBe(prompt.length);
      expect(session.response).toEqual(answer);
      prompt = [...prompt, ...idsOf('e')];
    }
    expect(session.numTurns).toBe(4);
    expect(session.history.map(({ role }) => role)).toEqual(['system', ...Array(4).fill(['user', 'assistant']).flat()]);
    await expectAtRest(core, runner);
  });

  it('streams the same', async () => {
    const { engine, runner } = createChat();
    const [whole, streamed] = [engine.session(), engine.session()];
    for (const text of ['abc', 'de']) {
      const answer = await say(runner, whole, text);
      const events = await finish(runner, collect(streamed.stream(text, OPTIONS)));
      expect(events.flatMap((event) => (event.type === 'delta' ? event.tokenIds : []))).toEqual(answer.tokenIds);
      expect(events.at(-1)).toMatchObject({ type: 'end', finishReason: 'length' });
      expect(streamed.history).toEqual(whole.history);
    }
  });

  it('has one answer a turn', async () => {
    const { engine } = createChat();
    await expect(engine.session().send('abc', { ...OPTIONS, n: 2 })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('takes a text, parts, a message or messages', async () => {
    const { engine, runner } = createChat();
    const user = { role: 'user', content: 'de' } as const;
    const inputs: [SessionInput, string][] = [
      ['de', 'bdecd'],
      [[{ type: 'text', text: 'de' }], 'bdecd'],
      [user, 'bdecd'],
      [[{ role: 'system', content: 'g' }, user], 'fggbdecd'],
    ];
    for (const [input, prompt] of inputs) {
      const { tokenIds } = await say(runner, engine.session(), input);
      expect(tokenIds).toEqual(answerOf(idsOf(prompt), 9));
    }
  });

  it('that ended with a stop id goes on behind it as the template does', async () => {
    const { engine, runner } = createChat();
    const session = engine.session();
    const first = answerOf(idsOf('babcd'), 9);
    const stop = first[4] as number;
    const length = first.indexOf(stop);
    const turn = { sampling: {}, maxNewTokens: 9, ignoreEos: true, stopTokenIds: [stop] };
    await finish(runner, collect(session.generate([{ role: 'user', content: 'ab' }], turn)));
    expect(session.response?.tokenIds).toEqual(first.slice(0, length + 1));
    const prompt = [...idsOf('babcd'), ...first.slice(0, length), ...idsOf('ebdcd')];
    expect((await say(runner, session, 'd')).tokenIds).toEqual(answerOf(prompt, 9));
  });

  it('that a stop string cut goes on from its text', async () => {
    const { engine, runner } = createChat();
    const session = engine.session();
    const text = textOf(answerOf(idsOf('babcd'), 9));
    const { finishReason } = await say(runner, session, 'ab', { stop: text.slice(5, 8) });
    expect([finishReason, session.response?.text]).toEqual(['stop', text.slice(0, text.indexOf(text.slice(5, 8)))]);
    const prompt = idsOf(`babcd${session.response?.text}ebdcd`);
    expect((await say(runner, session, 'd')).tokenIds).toEqual(answerOf(prompt, 9));
  });

  it('is rendered anew where the template shows what came before in another way, and goes on from that', async () => {
    // As templates do that drop what earlier answers thought: of long ones only the end is left.
    const shorten = (text: string): string => (text.length > 3 ? text.slice(-2) : text);
    const forgetful: ChatTemplate = {
      ...chatTemplate,
      render: (messages) =>
        chatTemplate.render(
          messages.map((each) =>
            each.role === 'assistant' ? { ...each, content: shorten(String(each.content)) } : each,
          ),
        ),
    };
    const { engine, runner } = createChat({}, { text: { tokenizer, chatTemplate: forgetful } });
    const session = engine.session();
    const turn = async (prompt: readonly number[], text: string, max_tokens: number): Promise<string> => {
      const answer = await say(runner, session, text, { max_tokens });
      expect(answer.tokenIds).toEqual(answerOf(prompt, max_tokens));
      expect([answer.usage.promptTokens, session.numTokens]).toEqual([prompt.length, prompt.length + max_tokens]);
      return answer.text;
    };
    const long = await turn(idsOf('babcabccd'), 'abcabc', 9);
    const anew = idsOf(`babcabccd${long.slice(-2)}ebdecd`);
    await turn(anew, 'de', 1);
    const on = [...anew, ...answerOf(anew, 1), ...idsOf('ebfcd')];
    await turn(on, 'f', 1);
    await turn([...on, ...answerOf(on, 1), ...idsOf('ebgcd')], 'g', 1);
    session.rewind(3);
    expect(session.numTokens).toBe('babcabccd'.length + 9);
  });
});

describe('images in turns', () => {
  const image = (url: string) => ({ type: 'image_url', image_url: { url } }) as const;
  const text = (text: string) => ({ type: 'text', text }) as const;
  const rows = (count: number): number[] => Array(count).fill(IMAGE);

  it('stay where they are, and are not computed again', async () => {
    const { engine, runner } = createChat({ maxImageRows: 24 }, { images: reader });
    const session = engine.session();
    let prompt: number[] = [];
    const turns = [
      { input: [image('cat:6'), text('de')], ids: [...idsOf('b'), ...rows(6), ...idsOf('decd')], images: ['cat:6'] },
      { input: 'ef', ids: idsOf('ebefcd'), images: ['cat:6'] },
      {
        input: [text('g'), image('dog:5')],
        ids: [...idsOf('ebg'), ...rows(5), ...idsOf('cd')],
        images: ['cat:6', 'dog:5'],
      },
    ];
    for (const { input, ids, images } of turns) {
      const before = session.numTokens;
      prompt = [...prompt, ...ids];
      const answer = await say(runner, session, input);
      expect(answer.tokenIds).toEqual(answerOf(seen(prompt, images), 9));
      expect(answer.usage.cachedTokens).toBe(before === 0 ? 0 : Math.floor((before - 1) / 4) * 4);
      prompt = [...prompt, ...answer.tokenIds];
    }
    const restored = engine.session({ from: JSON.parse(JSON.stringify(session)) });
    restored.rewind();
    expect((await say(runner, restored, [text('g'), image('dog:5')])).tokenIds).toEqual(session.response?.tokenIds);
  });

  it('are those that were shown, whatever a caller does to them later', async () => {
    const shown: unknown[] = [];
    const noting = {
      ...reader,
      read: (given: unknown, ...rest: [number, AbortSignal | undefined]) => {
        shown.push(given);
        return reader.read('cat:2', ...rest);
      },
    };
    const { engine, runner } = createChat({ maxImageRows: 24 }, { images: noting });
    const session = engine.session();
    const pixels = { width: 1, height: 1, data: new Uint8Array(3) };
    const part = { type: 'image', image: pixels } as const;
    await say(runner, session, [part]);
    pixels.width = 5;
    await say(runner, session, 'b');
    expect(shown).toEqual([pixels, pixels].map((each) => ({ ...each, width: 1 })));
  });
});

describe('an answer that is not finished', () => {
  it.each(['by its signal', 'by leaving the stream'])('stays as far as it came when aborted %s', async (how) => {
    const { engine, core, runner } = createChat({ maxStepsPerSubmit: 1 });
    const session = engine.session();
    await say(runner, session, 'ab');
    const controller = new AbortController();
    const options = { ...OPTIONS, max_tokens: 40, signal: controller.signal };
    const seen: GenerateEvent[] = [];
    const reading = (async () => {
      for await (const event of session.stream('cd', options)) {
        seen.push(event);
        if (seen.length === 5 && how === 'by its signal') controller.abort();
        if (seen.length === 5 && how === 'by leaving the stream') break;
      }
      return 'left';
    })();
    const outcome = finish(runner, reading);
    if (how === 'by its signal') await expect(outcome).rejects.toMatchObject({ code: 'aborted' });
    else expect(await outcome).toBe('left');
    const prompt = [...idsOf('babcd'), ...answerOf(idsOf('babcd'), 9), ...idsOf('ebcdcd')];
    const tokenIds = session.response?.tokenIds ?? [];
    expect(tokenIds.length).toBeGreaterThanOrEqual(4);
    expect(tokenIds.length).toBeLessThan(40);
    expect(tokenIds).toEqual(answerOf(prompt, tokenIds.length));
    expect(session.response).toEqual({ text: textOf(tokenIds), tokenIds, finishReason: 'abort' });
    expect(session.history.at(-1)).toEqual({ role: 'assistant', content: textOf(tokenIds) });
    const next = await say(runner, session, 'g');
    expect(next.tokenIds).toEqual(answerOf([...prompt, ...tokenIds, ...idsOf('ebgcd')], 9));
    expect(next.usage.cachedTokens).toBeGreaterThanOrEqual(prompt.length - 4);
    await expectAtRest(core, runner);
  });

  it('leaves no trace when it had not begun, or failed', async () => {
    const { engine, core, runner } = createChat({ sessionLen: 40 });
    const session = engine.session();
    const answer = await say(runner, session, 'ab');
    const before = JSON.stringify(session);
    const controller = new AbortController();
    const early = session.send('c', { ...OPTIONS, signal: controller.signal });
    await settle();
    controller.abort();
    await expect(early).rejects.toMatchObject({ code: 'aborted' });
    await expect(say(runner, session, 'c', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
    await expect(say(runner, session, 'c'.repeat(30))).rejects.toMatchObject({ code: 'context_too_long' });
    await expect(say(runner, session, 'c', { temperature: 7 })).rejects.toMatchObject({ code: 'invalid_request' });
    expect(JSON.stringify(session)).toBe(before);
    expect(session.response).toEqual(answer);
    expect((await say(runner, session, 'c')).tokenIds).toHaveLength(9);
    await core.dispose();
    await expect(session.send('c')).rejects.toMatchObject({ code: 'disposed' });
    expect(session.numTurns).toBe(2);
  });

  it('keeps others from being asked for, and from going back; a fork has none', async () => {
    const { engine, runner } = createChat();
    const session = engine.session();
    const answer = session.send('ab', OPTIONS);
    await settle();
    await expect(session.send('c')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(() => session.rewind()).toThrow('answering');
    const fork = session.fork();
    expect([fork.numTurns, (await say(runner, fork, 'ab')).tokenIds]).toEqual([0, (await answer).tokenIds]);
  });
});

describe('a session', () => {
  it('fills up, and goes on when turns are taken back', async () => {
    const { engine, runner } = createChat({ sessionLen: 64 });
    const session = engine.session();
    const turns = async (): Promise<void> => {
      for (;;) await say(runner, session, 'abcdef');
    };
    await expect(turns()).rejects.toMatchObject({ code: 'context_too_long' });
    expect([session.numTurns, session.numTokens]).toEqual([3, 56]);
    session.rewind();
    expect(session.response).toBeUndefined();
    expect((await say(runner, session, 'a')).tokenIds).toHaveLength(9);
  });

  it('goes back turns, or to a number of tokens', async () => {
    const { engine, runner } = createChat();
    const session = engine.session();
    const steps = [0];
    for (const text of ['ab', 'cd', 'ef', 'ga']) {
      await say(runner, session, text);
      steps.push(session.numTokens);
    }
    const fork = session.fork();
    session.rewind(2);
    expect([session.numTurns, session.numTokens, session.history.length]).toEqual([2, steps[2], 4]);
    fork.rewind({ numTokens: steps[3] as number });
    expect(fork.numTurns).toBe(3);
    fork.rewind({ numTokens: (steps[2] as number) + 1 });
    expect(fork.numTokens).toBe(steps[2]);
    for (const wrong of [3, -1, 0.5]) expect(() => fork.rewind(wrong)).toThrow('cannot go back');
    session.rewind(0);
    session.rewind({ numTokens: -1 });
    expect([session.numTurns, session.numTokens]).toEqual([0, 0]);
  });

  it('forks: both go on from what is computed', async () => {
    const { engine, runner } = createChat();
    const session = engine.session();
    await say(runner, session, 'abcabc');
    const fork = session.fork();
    expect(fork.response).toEqual(session.response);
    const [one, two] = [await say(runner, session, 'd'), await say(runner, fork, 'e')];
    // The second finds one block more: the turns of both begin with the words that the template puts there.
    expect([one.usage.cachedTokens, two.usage.cachedTokens]).toEqual([16, 20]);
    expect(session.history.at(-2)?.content).toBe('d');
    expect(fork.history.at(-2)?.content).toBe('e');
  });

  it('ends: what runs is aborted, and nothing is left', async () => {
    const { engine, core, runner } = createChat();
    const session = engine.session();
    await say(runner, session, 'ab');
    const stream = session.stream('cd', OPTIONS);
    expect(await stream.next()).toMatchObject({ value: { promptIds: expect.any(Array) } });
    const next = expect(collect(stream)).rejects.toMatchObject({ code: 'aborted' });
    session.end();
    session.end();
    await next;
    expect([session.history, session.numTokens, session.response]).toEqual([[], 0, undefined]);
    await expect(session.send('c')).rejects.toMatchObject({ code: 'disposed' });
    await finish(runner, settle());
    await expectAtRest(core, runner);
  });

  it('is restored from JSON, tokens and all', async () => {
    const { engine, runner } = createChat();
    const session = engine.session({ messages: [{ role: 'developer', content: 'ef' }] });
    await say(runner, session, 'ab');
    await say(runner, session, 'cd');
    const from = JSON.parse(JSON.stringify(session));
    const restored = engine.session({ from });
    expect(restored.toJSON()).toEqual(session.toJSON());
    const elsewhere = createChat();
    const far = elsewhere.engine.session({ from });
    const wanted = await say(runner, session, 'e');
    expect(await say(runner, restored, 'e')).toMatchObject({ tokenIds: wanted.tokenIds });
    const { tokenIds, usage } = await say(elsewhere.runner, far, 'e');
    expect([tokenIds, usage.cachedTokens]).toEqual([wanted.tokenIds, 0]);
  });

  it('restored by another model, encodes its messages anew', async () => {
    const { engine, runner } = createChat();
    const session = engine.session();
    const { text } = await say(runner, session, 'ab');
    const restored = engine.session({ from: { ...session.toJSON(), model: 'other' } });
    expect(restored.numTokens).toBe(0);
    expect((await say(runner, restored, 'c')).tokenIds).toEqual(answerOf(idsOf(`babcd${text}ebccd`), 9));
    restored.rewind();
    expect(restored.history).toEqual(session.history);
  });

  it.each([
    [{ system: 'a' }, 'options.system is not a known field'],
    [{ messages: [{ role: 'cook', content: 'a' }] }, 'options.messages[0].role'],
    [{ messages: [{ role: 'user', content: 'a' }], from: {} }, 'messages, or from another'],
    [{ from: null, messages: [] }, 'options.messages is not a list with at least one message'],
    [{ from: {} }, 'from.messages is not a list'],
    [{ from: { model: 'toy', messages: [], turns: [{}] } }, 'from.turns[0].messages is not a list'],
    [
      { from: { messages: [], turns: [{ messages: [], ids: [] }] } },
      'from.turns[0].messages does not end with an answer',
    ],
    [
      { from: { messages: [], turns: [{ messages: [{ role: 'assistant', content: '' }], ids: [-1] }] } },
      'from.turns[0].ids is not a list of token ids',
    ],
  ])('refuses to begin with %j', (options, message) => {
    expect(() => createChat().engine.session(options as object)).toThrow(message);
  });

  it('refuses turns that are none', async () => {
    const { engine } = createChat();
    const send = (input: unknown, options: object = {}) => engine.session().send(input as SessionInput, options);
    for (const input of [5, null, { role: 'cook', content: '' }, { role: 'assistant', content: 'a' }]) {
      await expect(send(input)).rejects.toMatchObject({ code: 'invalid_request' });
    }
    await expect(send('a', { maxTokens: 3 })).rejects.toThrow('maxTokens is not a known field');
  });
});
