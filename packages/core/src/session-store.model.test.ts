// Sessions over a restart: on another engine a restored session says what the first one would have said, bit for bit,
// whether its keys and values were stored or not, and with them it computes only what is new.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions, type Session, sessionStore } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const folder = mkdtempSync(join(tmpdir(), 'pagemind-sessions-'));
afterAll(() => rmSync(folder, { recursive: true }));
const store = sessionStore(folder);

const OPTIONS: EngineOptions = {
  deterministic: true,
  maxBatchSize: 2,
  cacheBlockSeqLen: 16,
  sessionLen: 192,
  maxPrefillTokenNum: 32,
};

/** Drawn, and the log probabilities told: one wrong bit in a logit shows in them, and soon draws another token. */
const DRAW = { temperature: 1.5, max_tokens: 24, ignore_eos: true, logprobs: true, top_logprobs: 20 } as const;

async function using<T>(model: string, options: EngineOptions, use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await createEngine({ model, ...OPTIONS, ...options });
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

/** What the restored session answers to the next turn, and what that took. */
async function goOn(engine: Engine, name: string, text: string) {
  const session = (await store.load(name, engine)) as Session;
  const { tokenIds, logprobs, usage } = await session.send(text, { ...DRAW, seed: 9 });
  return { tokenIds, logprobs, cachedTokens: usage.cachedTokens, history: session.history };
}

const MODEL = 'fixtures/models/tinystories-656k';
describeWithFixtures(MODEL, MODEL, (model) => {
  it('goes on with the same bits, with and without its keys and values', async () => {
    const wanted = await using(model, {}, async (engine) => {
      const session = engine.session();
      for (const [seed, text] of ['Once upon a time', 'Then a big dog'].entries()) {
        await session.send(text, { ...DRAW, seed });
      }
      await store.save('with', session, { kv: true });
      await store.save('without', session);
      const { numTokens } = session;
      const { tokenIds, logprobs } = await session.send('and', { ...DRAW, seed: 9 });
      return { tokenIds, logprobs, history: session.history, numTokens };
    });
    const { tokenIds, logprobs, history } = wanted;
    expect(logprobs?.[0]?.top).toHaveLength(20);
    const numKept = Math.floor((wanted.numTokens - 1) / 16) * 16;
    expect(numKept).toBeGreaterThan(32);
    expect([...(await store.list())].sort()).toEqual(['with', 'without']);
    await using(model, {}, async (engine) => {
      expect(await goOn(engine, 'without', 'and')).toEqual({ tokenIds, logprobs, history, cachedTokens: 0 });
    });
    await using(model, {}, async (engine) => {
      expect(await goOn(engine, 'with', 'and')).toEqual({ tokenIds, logprobs, history, cachedTokens: numKept });
    });
    // Other weights, other keys and values.
    await using(model, { quantize: 'int4-g32' }, async (engine) => {
      expect((await goOn(engine, 'with', 'and')).cachedTokens).toBe(0);
    });
  });
});

it('goes on about a picture without looking at it again', async () => {
  const path = (relative: string): string => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));
  const model = path('packages/demo-app/public/models/pagemind-sketch');
  const options = { sessionLen: 512 };
  const image = new Blob([readFileSync(path('tools/embedded-model/golden/golden.png'))]);
  const wanted = await using(model, options, async (engine) => {
    const session = engine.session();
    await session.send(
      [
        { type: 'image', image },
        { type: 'text', text: 'What do you see?' },
      ],
      { ...DRAW, seed: 1 },
    );
    await store.save('picture', session, { kv: true });
    return (await session.send('What colour is it?', { ...DRAW, seed: 9 })).tokenIds;
  });
  await using(model, options, async (engine) => {
    const { tokenIds, cachedTokens } = await goOn(engine, 'picture', 'What colour is it?');
    expect(tokenIds).toEqual(wanted);
    expect(cachedTokens).toBeGreaterThan(0);
    expect((await engine.stats()).counters.imagesEncoded).toBe(0);
  });
});
