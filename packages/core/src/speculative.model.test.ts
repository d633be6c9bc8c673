// `speculative`: the same tokens in fewer steps, greedy and drawn, alone and in a batch, whatever K and V are stored in.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { RequestStats } from './engine/core.js';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const MODEL = 'fixtures/models/tinystories-656k';
const OPTIONS: EngineOptions = { maxBatchSize: 4, cacheBlockSeqLen: 16, sessionLen: 192, maxPrefillTokenNum: 64 };
const SPECULATIVE = { method: 'ngram', numSpeculativeTokens: 4 } as const;
const NUM_NEW = 64;

const REPETITIVE =
  'The cat sat on the mat. The dog sat on the mat. The cat sat on the mat. The dog sat on the mat. The cat';
const PROMPTS = [REPETITIVE, 'Once upon a time', 'Tom said, "', 'Tom has a red ball. Sue has a red ball. Tom has'];

interface Answer {
  readonly ids: readonly number[];
  readonly stats: RequestStats;
}

async function generate(engine: Engine, ids: readonly number[], sampling = {}, more = {}): Promise<Answer> {
  const generated: number[] = [];
  const request = {
    prompt: { kind: 'tokens', ids },
    sampling,
    maxNewTokens: NUM_NEW,
    ignoreEos: true,
    ...more,
  } as const;
  for await (const event of engine.generate(request)) {
    if (event.type === 'end') return { ids: generated, stats: event.stats };
    generated.push(...event.tokenIds);
  }
  throw new Error('a generation ends');
}

async function using<T>(
  options: EngineOptions & { readonly model: string },
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await createEngine(options);
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

/** Greedy answers to all prompts, and drawn ones. */
function requests(engine: Engine): Promise<(() => Promise<Answer>)[]> {
  return Promise.all(PROMPTS.map((text) => engine.encode(text, { addSpecialTokens: true }))).then((prompts) => [
    ...prompts.map((ids) => () => generate(engine, ids)),
    ...prompts.slice(0, 2).map((ids) => () => generate(engine, ids, { temperature: 0.4, topP: 0.9, seed: 3 })),
  ]);
}

async function oneByOne(engine: Engine): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const ask of await requests(engine)) answers.push(await ask());
  return answers;
}

async function together(engine: Engine): Promise<Answer[]> {
  return Promise.all((await requests(engine)).map((ask) => ask()));
}

const idsOf = (answers: readonly Answer[]): (readonly number[])[] => answers.map(({ ids }) => ids);

describeWithFixtures(MODEL, MODEL, (model) => {
  it('gives the same ids alone and in a batch, where bits are the same', { timeout: 240_000 }, async () => {
    const exact = { model, ...OPTIONS, deterministic: true };
    const plain = await using(exact, oneByOne);
    expect(plain.every(({ stats }) => stats.numProposed === 0)).toBe(true);
    await using({ ...exact, speculative: SPECULATIVE }, async (engine) => {
      const alone = await oneByOne(engine);
      expect(idsOf(alone)).toEqual(idsOf(plain));
      const { numAccepted, counters } = await engine.stats();
      expect(numAccepted).toBe(alone.reduce((sum, { stats }) => sum + stats.numAccepted, 0));
      // Every answer begins with a step or two for its prompt, and every other step brings a token and those it accepts.
      const numTokens = alone.length * NUM_NEW;
      expect(numAccepted).toBeGreaterThan(0.2 * numTokens);
      expect(counters.steps).toBeLessThanOrEqual(numTokens - numAccepted + alone.length);
      const batch = await together(engine);
      expect(idsOf(batch)).toEqual(idsOf(plain));
      expect(batch[0]?.stats.numAccepted).toBeGreaterThan(0);
    });
  });

  it.each([4, 8] as const)(
    'leaves no trace of wrong proposals in a cache of %d bits',
    { timeout: 120_000 },
    async (bits) => {
      const exact = { model, ...OPTIONS, deterministic: true, quantPolicy: bits };
      const plain = await using(exact, together);
      const others = await using({ ...exact, speculative: SPECULATIVE }, together);
      expect(idsOf(others)).toEqual(idsOf(plain));
      const numWrong = others.reduce((sum, { stats }) => sum + stats.numProposed - stats.numAccepted, 0);
      expect(numWrong).toBeGreaterThan(0);
    },
  );

  it('continues golden prompts with the golden ids up to the first near tie', { timeout: 120_000 }, async () => {
    const golden = JSON.parse(readFileSync(`${model}/golden.json`, 'utf8')) as {
      readonly prompts: readonly {
        readonly input_ids: readonly number[];
        readonly greedy_ids: readonly number[];
        readonly greedy_top1_top2_margin: readonly number[];
      }[];
    };
    await using({ model, ...OPTIONS, speculative: SPECULATIVE }, async (engine) => {
      let numCompared = 0;
      for (const { input_ids, greedy_ids, greedy_top1_top2_margin } of golden.prompts) {
        const tie = greedy_top1_top2_margin.findIndex((margin) => margin < 1e-3);
        const certain = tie === -1 ? greedy_ids.length : tie;
        const { ids } = await generate(engine, input_ids, {}, { maxNewTokens: greedy_ids.length });
        expect(ids.slice(0, certain)).toEqual(greedy_ids.slice(0, certain));
        numCompared += certain;
      }
      expect(numCompared).toBeGreaterThan(150);
      expect((await engine.stats()).numProposed).toBeGreaterThan(0);
    });
  });

  it('creates no GPU object in a step with proposals that was there before', { timeout: 120_000 }, async () => {
    await using({ model, ...OPTIONS, speculative: SPECULATIVE, enablePrefixCaching: false }, async (engine) => {
      const ids = await engine.encode(REPETITIVE, { addSpecialTokens: true });
      const rounds: { objects: number; steps: number; accepted: number }[] = [];
      for (let round = 0; round < 3; round++) {
        const before = await engine.stats();
        const { stats } = await generate(engine, ids);
        const after = await engine.stats();
        rounds.push({
          objects: after.counters.gpuObjects - before.counters.gpuObjects,
          steps: after.counters.steps - before.counters.steps,
          accepted: stats.numAccepted,
        });
      }
      console.log(rounds);
    });
  });
});
