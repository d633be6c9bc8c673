// Blocks shared on a real GPU: turns of a conversation and prompts with the same start answer as they do without a cache.
import { expect, it } from 'vitest';
import type { GenerateEvent } from './engine/core.js';
import { createEngine, type Engine } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const MODEL = 'fixtures/models/tinystories-656k';
const OPTIONS = {
  maxBatchSize: 2,
  cacheBlockSeqLen: 16,
  sessionLen: 192,
  maxPrefillTokenNum: 32,
  dtype: 'float32',
} as const;

interface Answer {
  readonly ids: readonly number[];
  readonly cachedTokens: number;
}

async function answer(engine: Engine, ids: readonly number[]): Promise<Answer> {
  const tokenIds: number[] = [];
  let end: GenerateEvent | undefined;
  const request = { prompt: { kind: 'tokens', ids }, sampling: { temperature: 0 }, maxNewTokens: 24, ignoreEos: true };
  for await (const event of engine.generate(request as Parameters<Engine['generate']>[0])) {
    if (event.type === 'delta') tokenIds.push(...event.tokenIds);
    else end = event;
  }
  return { ids: tokenIds, cachedTokens: end?.type === 'end' ? end.usage.cachedTokens : -1 };
}

/** Three turns, then two requests at a time that leave the conversation where it began. */
async function converse(engine: Engine): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  let ids = [1, 80, 147, 201, 282, 57];
  for (let turn = 0; turn < 3; turn++) {
    const next = await answer(engine, ids);
    answers.push(next);
    ids = [...ids, ...next.ids, 80 + turn, 99];
  }
  const branches = [ids.slice(0, 40), [...ids.slice(0, 33), 57]];
  return [...answers, ...(await Promise.all(branches.map((branch) => answer(engine, branch))))];
}

/** Answers to one prompt that are drawn from a seed and those after it, together or each by a request of its own. */
async function draw(engine: Engine, seed: number, numChoices: number): Promise<{ ids: number[][]; cached: number[] }> {
  const ids: number[][] = [];
  const cached: number[] = [];
  const prompt = { kind: 'tokens', ids: Array.from({ length: 37 }, (_, i) => 80 + i) } as const;
  const sampling = { temperature: 1, seed };
  for await (const event of engine.generate({ prompt, sampling, numChoices, maxNewTokens: 20, ignoreEos: true })) {
    if (event.type === 'end') cached[event.index] = event.usage.cachedTokens;
    else ids[event.index] = [...(ids[event.index] ?? []), ...event.tokenIds];
  }
  return { ids, cached };
}

describeWithFixtures(MODEL, MODEL, (model) => {
  it('draws several answers to a prompt that is computed once, each as if it were alone', async () => {
    const engine = await createEngine({ model, ...OPTIONS });
    try {
      const together = await draw(engine, 7, 3);
      expect(together.cached).toEqual([0, 32, 32]);
      expect(new Set(together.ids.map(String)).size).toBe(3);
      for (const [i, ids] of together.ids.entries()) expect((await draw(engine, 7 + i, 1)).ids).toEqual([ids]);
    } finally {
      await engine.dispose();
    }
  });

  it('answers as without a cache', async () => {
    const all: (readonly Answer[])[] = [];
    for (const enablePrefixCaching of [false, true]) {
      const engine = await createEngine({ model, ...OPTIONS, enablePrefixCaching });
      try {
        all.push(await converse(engine));
      } finally {
        await engine.dispose();
      }
    }
    const [without, withCache] = all.map((answers) => answers.map(({ ids }) => ids));
    expect(withCache).toEqual(without);
    expect(all.map((answers) => answers.map(({ cachedTokens }) => cachedTokens))).toEqual([
      [0, 0, 0, 0, 0],
      [0, 16, 48, 32, 32],
    ]);
  });
});
