// Stored sessions over engines with a fake runner: what comes back answers like the first, images and all, and its keys and
// values are used where they fit and computed again where not.
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { LocalEngineParts } from '../engine/engine.js';
import { DataStore } from '../store/data-store.js';
import { expectAtRest } from '../testing/engine-harness.js';
import { reader } from '../testing/fake-images.js';
import { answerOf, type FakeLimits } from '../testing/fake-runner.js';
import { MemoryFolder } from '../testing/memory-folder.js';
import { createChat, finish, idsOf, numSent } from '../testing/session-harness.js';
import type { SessionInput } from './session.js';
import { SessionStore } from './session-store.js';

const OPTIONS = { max_tokens: 9, ignore_eos: true } as const;
const PICTURE: SessionInput = [
  { type: 'image', image: 'cat:6' },
  { type: 'text', text: 'b' },
];

/** One block is a window. */
const LARGE = { blockBytes: 2.5 * 2 ** 20 };

type Chat = ReturnType<typeof createChat>;

function open(limits: FakeLimits = {}, parts: Partial<LocalEngineParts> = {}): Chat {
  return createChat({ maxImageRows: 100, ...limits }, { images: reader, ...parts });
}

function createStore(): { store: SessionStore; folder: MemoryFolder } {
  const folder = new MemoryFolder();
  return { store: new SessionStore(folder, {}), folder };
}

const TURNS: readonly SessionInput[] = ['bc', PICTURE, 'de'];

/** A session that was stored with its keys and values. */
async function stored(limits: FakeLimits = {}, turns: readonly SessionInput[] = TURNS) {
  const { engine, core, runner } = open(limits);
  const { store, folder } = createStore();
  const session = engine.session({ messages: [{ role: 'system', content: 'ef' }] });
  for (const input of turns) await finish(runner, session.send(input, OPTIONS));
  await finish(runner, store.save('x', session, { kv: true }));
  await expectAtRest(core, runner);
  return { store, folder, session, engine, runner };
}

/** The next turn of the stored session on another engine: what was cached of its prompt, and its answer. */
async function goOn(store: SessionStore, { engine, core, runner }: Chat) {
  const session = await finish(runner, store.load('x', engine));
  const from = runner.plans.length;
  const answer = session && (await finish(runner, session.send('ge', OPTIONS)));
  await expectAtRest(core, runner);
  return { session, answer, numCached: answer?.usage.cachedTokens, numSent: numSent(runner, from) };
}

describe('a stored session', () => {
  it('goes on as it was, from blocks that another engine has computed', async () => {
    const { store, session, runner } = await stored();
    const { numTokens } = session;
    expect(await store.list()).toEqual(['x']);
    const other = await goOn(store, open());
    const wanted = await finish(runner, session.send('ge', OPTIONS));
    expect(other.answer).toEqual({ ...wanted, usage: other.answer?.usage });
    expect(other.session?.history).toEqual(session.history);
    // A block of four tokens is there when it is full and what it holds is certain: all but the last token.
    const numCached = Math.floor((numTokens - 1) / 4) * 4;
    expect(other.answer?.usage).toEqual({ ...wanted.usage, cachedTokens: numCached });
    expect(other.numSent).toBe(wanted.usage.promptTokens - numCached);
  });

  it('comes in windows where its blocks are large', async () => {
    const { store, folder, session } = await stored(LARGE, ['bc']);
    const windows: unknown[] = [];
    for await (const pages of new DataStore(folder, 'kv').loadAll('x')) windows.push(pages);
    const numBlocks = Math.floor((session.numTokens - 1) / 4);
    expect([numBlocks, windows.length]).toEqual([4, 4]);
    expect((await goOn(store, open(LARGE))).numCached).toBe(16);
  });

  it.each<[string, FakeLimits, Partial<LocalEngineParts>]>([
    ['of another origin', {}, { kvOrigin: async () => 'other weights' }],
    ['with blocks of another size', { blockSize: 8 }, {}],
    ['that shares nothing', {}, { enablePrefixCaching: false }],
  ])('is computed again by an engine %s', async (_, limits, parts) => {
    const { store, session, runner } = await stored();
    const { answer, numCached } = await goOn(store, open(limits, parts));
    expect(numCached).toBe(0);
    expect(answer?.tokenIds).toEqual((await finish(runner, session.send('ge', OPTIONS))).tokenIds);
  });

  it('is computed again where there is no room for it', async () => {
    const { store, session, runner } = await stored({}, ['bc']);
    const small = open({ numBlocks: 3 });
    expect(await finish(small.runner, store.load('x', small.engine))).toBeDefined();
    expect(await small.core.stats()).toMatchObject({ numCachedBlocks: 0, numFreeBlocks: 3 });
    // Blocks of others that nobody uses make room.
    const crowded = open({ numBlocks: 9 });
    await finish(crowded.runner, crowded.engine.completions.create({ prompt: idsOf('a'.repeat(26)), max_tokens: 9 }));
    const { answer, numCached } = await goOn(store, crowded);
    expect([answer?.tokenIds, numCached]).toEqual([(await finish(runner, session.send('ge', OPTIONS))).tokenIds, 16]);
  });

  it('has no keys and values when they were not asked for, nor those of the time before', async () => {
    const { store, folder, session } = await stored();
    await store.save('x', session);
    expect([...folder.files.keys()]).toEqual(['session-x']);
    expect((await goOn(store, open())).numCached).toBe(0);
  });

  it('is gone when it is deleted', async () => {
    const { store, folder } = await stored();
    await store.delete('x');
    await store.delete('never there');
    expect([await store.list(), folder.files.size]).toEqual([[], 0]);
    expect(await store.load('x', open().engine)).toBeUndefined();
  });

  it('goes on without what was forgotten before it was stored', async () => {
    const { store } = createStore();
    const { engine, runner } = open();
    const session = engine.session();
    await finish(runner, session.send('b', OPTIONS));
    // The whole pool, so that nothing of the session stays.
    await finish(runner, engine.completions.create({ prompt: idsOf('g'.repeat(390)), max_tokens: 9 }));
    const others = [idsOf('e'.repeat(390)), idsOf('f'.repeat(390))];
    for (const prompt of others) await finish(runner, engine.completions.create({ prompt, max_tokens: 9 }));
    await finish(runner, store.save('x', session, { kv: true }));
    expect((await goOn(store, open())).numCached).toBe(0);
  });

  it('is a new one where nothing was said', async () => {
    const { store } = createStore();
    const { engine, runner } = open();
    await finish(runner, store.save('x', engine.session(), { kv: true }));
    const { answer } = await goOn(store, open());
    expect(answer?.tokenIds).toEqual(answerOf(idsOf('bgecd'), 9));
  });
});

describe('images of a stored session', () => {
  afterEach(() => vi.unstubAllGlobals());

  /** The images of a session that was stored with these, and loaded again. */
  async function keep(images: readonly unknown[], store: SessionStore = createStore().store): Promise<unknown[]> {
    const content = images.map((image) => ({ type: 'image', image })) as unknown as SessionInput & string;
    await store.save('x', open().engine.session({ messages: [{ role: 'user', content }] }));
    const loaded = await store.load('x', open().engine);
    const parts = (loaded?.history[0]?.content ?? []) as readonly { readonly image: unknown }[];
    return parts.map(({ image }) => image);
  }

  it('come back whatever they were', async () => {
    const pixels = { width: 2, height: 1, data: new Uint8ClampedArray(8).fill(7) };
    const values = { kind: 'pixel_values', values: new Float32Array([0.5]), numTiles: 1 };
    const plain = ['https://example.org/cat.png', 'data:image/png;base64,AA==', pixels, values];
    expect(await keep(plain)).toEqual(plain);
    const blob = new Blob(['png'], { type: 'image/png' });
    const [first, second] = (await keep([blob, blob])) as [Blob, Blob];
    expect([await first.text(), first.type, first === second]).toEqual(['png', 'image/png', true]);
  });

  it('become what they stand for where they end with the page', async () => {
    const address = URL.createObjectURL(new Blob(['png'], { type: 'image/png' }));
    const [blob] = (await keep([address])) as [Blob];
    expect([await blob.text(), blob.type]).toEqual(['png', 'image/png']);
    URL.revokeObjectURL(address);
    await expect(keep([address])).rejects.toMatchObject({ code: 'source_unreachable' });

    const close = vi.fn();
    vi.stubGlobal('createImageBitmap', async () => ({ width: 2, height: 1, close }));
    const data = new Uint8ClampedArray([1, 2, 3, 4, 5, 6, 7, 8]);
    const store = new SessionStore(new MemoryFolder(), {
      readBitmap: ({ width, height }) => ({ width, height, data }),
    });
    const canvas = { width: 2, height: 1 };
    expect(await keep([canvas], store)).toEqual([{ width: 2, height: 1, data }]);
    expect(close).toHaveBeenCalledOnce();
    await expect(keep([canvas])).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

it('tells a session that is damaged, and computes damaged keys and values again', async () => {
  const { store, folder, session, runner } = await stored();
  const wanted = await finish(runner, session.send('ge', OPTIONS));
  const [bytes, kv] = ['session-x', 'kv-x'].map((file) => folder.files.get(file) as Uint8Array<ArrayBuffer>);
  if (!bytes || !kv) throw new Error('both files are there');
  for (let at = 0; at < kv.length; at += 97) {
    folder.files.set('kv-x', at % 2 ? kv.slice(0, at) : kv.with(at, (kv[at] ?? 0) ^ 255));
    const { answer } = await goOn(store, open());
    expect(answer?.tokenIds).toEqual(wanted.tokenIds);
  }
  for (let at = 0; at < bytes.length; at += 97) {
    folder.files.set('session-x', at % 2 ? bytes.slice(0, at) : bytes.with(at, (bytes[at] ?? 0) ^ 255));
    await expect(store.load('x', open().engine)).rejects.toMatchObject({ code: 'file_malformed' });
  }
  const other = new DataStore(folder, 'session');
  for (const data of [1, null, {}, { model: 'toy', messages: [], turns: [{}] }, [session]]) {
    await other.save('x', data);
    await expect(store.load('x', open().engine)).rejects.toMatchObject({ code: 'file_malformed' });
  }
});

it.each<[string, object]>([
  ['another origin', { origin: 'other' }],
  ['no keys', { keys: undefined }],
  ['too few bytes', { numBlocks: 2 }],
  ['too many blocks', { numBlocks: 10 }],
  ['a place that is none', { firstBlock: -1 }],
  ['a place behind its keys', { firstBlock: 4 }],
  ['a place that is not reached', { firstBlock: 1, keys: ['a', 'b'] }],
  ['keys of another kind', { keys: [1] }],
  ['a fraction of a block', { numBlocks: 0.5, bytes: new Uint8Array(8) }],
  ['bytes of another kind', { bytes: 'x'.repeat(16) }],
])('leaves pages with %s', async (_, change) => {
  const { store, folder } = createStore();
  const { engine, core, runner } = open();
  await store.save('x', engine.session());
  const pages = { origin: 'toy', keys: ['a'], firstBlock: 0, numBlocks: 1, bytes: new Uint8Array(16) };
  await new DataStore(folder, 'kv').save('x', { ...pages, ...change });
  expect(await store.load('x', engine)).toBeDefined();
  expect((await core.stats()).numCachedBlocks).toBe(0);
  // What is whole is taken.
  await new DataStore(folder, 'kv').save('x', pages);
  await store.load('x', engine);
  expect((await core.stats()).numCachedBlocks).toBe(1);
  await expectAtRest(core, runner);
});

type Act = { readonly do: 'send' | 'crowd'; readonly text: string } | { readonly do: 'save' } | { readonly do: 'load' };

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    do: fc.constantFrom('send' as const, 'crowd' as const),
    text: fc.string({ unit: fc.constantFrom('b', 'c', 'f'), minLength: 1, maxLength: 6 }),
  }),
  fc.constantFrom<Act>({ do: 'save' }, { do: 'load' }),
);

it('answers the same, whatever has taken the place of its blocks before it comes back', {
  timeout: 60_000,
}, async () => {
  let [numCached, numLoaded] = [0, 0];
  const acts = fc.array(act, { minLength: 6, maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 8, max: 24 }), fc.integer({ min: 2, max: 4 }), acts, async (...given) => {
      const [numBlocks, blockSize, list] = given;
      const sessionLen = numBlocks * blockSize;
      const { engine, core, runner } = createChat({ numBlocks, blockSize, sessionLen, maxPrefillTokenNum: 9 });
      const { store } = createStore();
      let [session, ids] = [engine.session(), [] as readonly number[]];
      let saved = ids;
      await store.save('x', session);
      for (const each of list) {
        if (each.do === 'save') {
          await finish(runner, store.save('x', session, { kv: true }));
          saved = ids;
        } else if (each.do === 'load') {
          session = (await finish(runner, store.load('x', engine))) ?? session;
          ids = saved;
          numLoaded++;
        } else if (each.do === 'crowd') {
          const crowd = idsOf(`f${each.text}`);
          const prompt = [...crowd, ...crowd, ...crowd].slice(0, sessionLen - 5);
          await finish(runner, engine.completions.create({ prompt, max_tokens: 4 }));
        } else {
          const prompt = [...ids, ...idsOf(`${ids.length > 0 ? 'e' : ''}b${each.text}cd`)];
          if (prompt.length + 6 > sessionLen) continue;
          const { tokenIds, usage } = await finish(runner, session.send(each.text, { ...OPTIONS, max_tokens: 6 }));
          expect(tokenIds).toEqual(answerOf(prompt, 6));
          ids = [...prompt, ...tokenIds];
          numCached += usage.cachedTokens;
        }
      }
      await expectAtRest(core, runner);
    }),
    { numRuns: 40 },
  );
  expect(numLoaded).toBeGreaterThan(20);
  expect(numCached).toBeGreaterThan(100);
});
