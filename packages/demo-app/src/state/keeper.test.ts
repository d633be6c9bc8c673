// The conversation over a reload: what is kept when, what comes back, and what does not stand in the way.
import { PagemindError } from '@pagemind/core/client';
import { describe, expect, it } from 'vitest';
import { FakeEngine } from '../testing/fake-engine.js';
import { FakeShelf } from '../testing/fake-shelf.js';
import { Conversation } from './conversation.js';
import { Keeper, type KeptConversation, parseConversation } from './keeper.js';
import type { Mode } from './prompt.js';
import { DEFAULT_SETTINGS } from './settings.js';

const PICTURE = { id: 1, name: 'cat.png', blob: new Blob(['large']), thumbnail: new Blob(['small']) };

/** A page that was opened, and its conversation. */
async function open(shelf: FakeShelf, mode: Mode = 'chat') {
  const engine = new FakeEngine({ takesImages: true });
  const talk = new Conversation({
    engine: () => engine,
    mode: () => mode,
    settings: () => DEFAULT_SETTINGS,
    now: () => 0,
  });
  const keeper = new Keeper(shelf, talk, () => mode);
  return { engine, talk, keeper, keptMode: await keeper.start() };
}

const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 60));

describe('a conversation', () => {
  it('is there again, pictures and all, and goes on', async () => {
    const shelf = new FakeShelf();
    const { talk } = await open(shelf);
    await talk.send('Look', [PICTURE]);
    await settle();
    const again = await open(shelf);
    expect(again.keptMode).toBe('chat');
    expect(again.talk.turns.value).toEqual(talk.turns.value);
    expect(again.talk.numContextTokens.value).toBe(talk.numContextTokens.value);
    expect(shelf.calls.filter((call) => call === 'save')).toHaveLength(2);
    await again.talk.send('More');
    expect(again.engine.requests[0]).toMatchObject({
      prompt: { messages: [{ content: [{ image: PICTURE.blob }, { text: 'Look' }] }, {}, { content: 'More' }] },
    });
    await settle();
    expect((await open(shelf)).talk.turns.value).toHaveLength(4);
  });

  it('is forgotten when it is cleared', async () => {
    const shelf = new FakeShelf();
    const { talk } = await open(shelf);
    await talk.send('Hi');
    talk.clear();
    await settle();
    expect(shelf.kept.size).toBe(0);
    const { talk: next, keptMode } = await open(shelf);
    expect([next.turns.value, keptMode]).toEqual([[], undefined]);
  });

  it('keeps the question while the answer is being written, and not every word of that', async () => {
    const shelf = new FakeShelf();
    const { engine, talk } = await open(shelf);
    engine.gate = new Promise(() => {});
    void talk.send('Hi');
    await settle();
    expect((await open(shelf)).talk.turns.value).toMatchObject([{ author: 'person', text: 'Hi' }]);
    expect(shelf.calls.filter((call) => call === 'save')).toHaveLength(1);
  });

  it('is kept as it was last, whatever happens while it is written', async () => {
    const shelf = new FakeShelf();
    const { talk } = await open(shelf);
    let go = (): void => {};
    shelf.gate = new Promise((done) => {
      go = done;
    });
    await talk.send('Hi');
    talk.clear();
    await talk.send('Ho');
    talk.clear();
    go();
    await settle();
    expect(shelf.kept.size).toBe(0);
    expect(shelf.calls).toEqual(['load', 'save', 'delete']);
  });

  it('that was begun before the kept one came is not replaced', async () => {
    const shelf = new FakeShelf();
    await (await open(shelf)).talk.send('old');
    await settle();
    const engine = new FakeEngine();
    const talk = new Conversation({
      engine: () => engine,
      mode: () => 'chat',
      settings: () => DEFAULT_SETTINGS,
      now: () => 0,
    });
    const started = new Keeper(shelf, talk, () => 'chat').start();
    await talk.send('new');
    expect(await started).toBeUndefined();
    await settle();
    expect((await open(shelf)).talk.turns.value[0]?.text).toBe('new');
  });

  it('works where nothing is kept, and says so', async () => {
    const shelf = new FakeShelf();
    shelf.refuses = true;
    const { talk, keeper } = await open(shelf);
    expect(keeper.isKeeping.value).toBe(false);
    await talk.send('Hi');
    await settle();
    expect(talk.turns.value).toHaveLength(2);
    expect(keeper.isKeeping.value).toBe(false);
  });

  it('replaces a damaged one', async () => {
    const shelf = new FakeShelf();
    shelf.load = async () => {
      throw new PagemindError('file_malformed', 'It is damaged.');
    };
    const { talk, keeper } = await open(shelf);
    await talk.send('Hi');
    await settle();
    expect([keeper.isKeeping.value, shelf.kept.size]).toEqual([true, 1]);
  });
});

const turn = { id: 1, author: 'person', text: 'Hi', status: 'done' };
const kept = { version: 1, mode: 'chat', turns: [turn], numForgotten: 0, numContextTokens: 7 };

it.each([
  undefined,
  null,
  'x',
  {},
  { ...kept, version: 2 },
  { ...kept, mode: 'opera' },
  { ...kept, turns: [] },
  { ...kept, turns: {} },
  ...[
    { author: 'me' },
    { text: 1 },
    { status: 'streaming' },
    { pictures: 1 },
    { pictures: [{ ...PICTURE, blob: 'x' }] },
  ].map((change) => ({ ...kept, turns: [turn, { ...turn, ...change }] })),
])('takes no conversation from %j', (data) => {
  expect(parseConversation(data)).toBeUndefined();
});

it('drops what is of no use', () => {
  const stats = { numTokens: 1, tokensPerSecond: 2, timeToFirstTokenMs: 3 };
  const data = {
    ...kept,
    numForgotten: 99,
    numContextTokens: -1,
    turns: [
      { ...turn, id: 8, extra: 1, isRefused: 'yes', stats: { numTokens: 'many' } },
      { ...turn, author: 'model', status: 'length', stats, pictures: [] },
    ],
  };
  expect(parseConversation(data)).toEqual({
    ...kept,
    numForgotten: 1,
    numContextTokens: 0,
    turns: [turn, { ...turn, id: 2, author: 'model', status: 'length', stats }],
  } as KeptConversation);
});
