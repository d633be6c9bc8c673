// `speculative`: the same tokens in fewer steps, greedy and drawn, alone and in a batch, whatever K and V are stored in; and
// what that costs, in counts.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { RequestStats } from './engine/core.js';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const MODEL = 'fixtures/models/tinystories-656k';
const OPTIONS: EngineOptions = { maxBatchSize: 4, cacheBlockSeqLen: 16, sessionLen: 128, maxPrefillTokenNum: 64 };
const SPECULATIVE = { method: 'ngram', numSpeculativeTokens: 4 } as const;
const NUM_NEW = 48;

const REPETITIVE =
  'The cat sat on the mat. The dog sat on the mat. The cat sat on the mat. The dog sat on the mat. The cat';
const PROMPTS = [REPETITIVE, 'Once upon a time', 'Tom said, "', 'Tom has a red ball. Sue has a red ball. Tom has'];

interface Golden {
  readonly prompts: readonly {
    readonly input_ids: readonly number[];
    readonly greedy_ids: readonly number[];
    readonly greedy_top1_top2_margin: readonly number[];
  }[];
}

interface Answer {
  readonly ids: readonly number[];
  readonly stats: RequestStats;
}

async function generate(
  engine: Engine,
  ids: readonly number[],
  sampling = {},
  maxNewTokens = NUM_NEW,
): Promise<Answer> {
  const generated: number[] = [];
  const request = { prompt: { kind: 'tokens', ids }, sampling, maxNewTokens, ignoreEos: true } as const;
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

/** Greedy answers to all prompts, and a drawn one. */
async function requestsOf(engine: Engine): Promise<(() => Promise<Answer>)[]> {
  const prompts = await Promise.all(PROMPTS.map((text) => engine.encode(text, { addSpecialTokens: true })));
  const drawn = { temperature: 0.4, topP: 0.9, seed: 3 };
  return [...prompts.map((ids) => () => generate(engine, ids)), () => generate(engine, prompts[0] ?? [], drawn)];
}

async function oneByOne(engine: Engine): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const ask of await requestsOf(engine)) answers.push(await ask());
  return answers;
}

async function together(engine: Engine): Promise<Answer[]> {
  return Promise.all((await requestsOf(engine)).map((ask) => ask()));
}

const idsOf = (answers: readonly Answer[]): (readonly number[])[] => answers.map(({ ids }) => ids);

describeWithFixtures(MODEL, MODEL, (model) => {
  it('gives the same ids alone and in a batch, where bits are the same', { timeout: 600_000 }, async () => {
    const exact = { model, ...OPTIONS, deterministic: true };
    const plain = await using(exact, together);
    expect(plain.every(({ stats }) => stats.numProposed === 0)).toBe(true);
    await using({ ...exact, speculative: SPECULATIVE }, async (engine) => {
      const alone = await oneByOne(engine);
      expect(idsOf(alone)).toEqual(idsOf(plain));
      expect(alone[0]?.stats.numAccepted).toBeGreaterThan(4);
      const { numAccepted, counters } = await engine.stats();
      expect(numAccepted).toBe(alone.reduce((sum, { stats }) => sum + stats.numAccepted, 0));
      // The step of the prompt brings a token, too.
      expect(counters.steps).toBe(alone.length * NUM_NEW - numAccepted);
      const batch = await together(engine);
      expect(idsOf(batch)).toEqual(idsOf(plain));
      expect((await engine.stats()).numAccepted).toBeGreaterThan(numAccepted);
    });
  });

  it('leaves no trace of wrong proposals in a quantised cache', { timeout: 600_000 }, async () => {
    const exact = { model, ...OPTIONS, deterministic: true, quantPolicy: 4 } as const;
    const plain = await using(exact, together);
    const others = await using({ ...exact, speculative: SPECULATIVE }, together);
    expect(idsOf(others)).toEqual(idsOf(plain));
    expect(others.reduce((sum, { stats }) => sum + stats.numProposed - stats.numAccepted, 0)).toBeGreaterThan(0);
  });

  it('continues golden prompts up to the first near tie, and then costs fewer steps', {
    timeout: 600_000,
  }, async () => {
    const options = { model, ...OPTIONS, maxBatchSize: 1, enablePrefixCaching: false, speculative: SPECULATIVE };
    await using(options, async (engine) => {
      const golden = JSON.parse(readFileSync(`${model}/golden.json`, 'utf8')) as Golden;
      let numCompared = 0;
      for (const { input_ids, greedy_ids, greedy_top1_top2_margin } of golden.prompts) {
        const tie = greedy_top1_top2_margin.findIndex((margin) => margin < 1e-3);
        const certain = tie === -1 ? greedy_ids.length : tie;
        const { ids } = await generate(engine, input_ids, {}, greedy_ids.length);
        expect(ids.slice(0, certain)).toEqual(greedy_ids.slice(0, certain));
        numCompared += certain;
      }
      expect(numCompared).toBeGreaterThan(150);
    });

    // With one step in flight every id is known before the next step: what is proposed depends on nothing else.
    await using({ ...options, maxStepsInFlight: 1 }, async (engine) => {
      const prompt = await engine.encode(REPETITIVE, { addSpecialTokens: true });
      // The first answer takes every shape of step that the second one takes.
      const [first, before] = [await generate(engine, prompt), (await engine.stats()).counters];
      const { ids, stats } = await generate(engine, prompt);
      const after = (await engine.stats()).counters;
      expect(ids).toEqual(first.ids);
      expect(stats.numAccepted).toBe(first.stats.numAccepted);
      expect(stats.numAccepted).toBeGreaterThan(4);
      expect(after.steps - before.steps).toBe(NUM_NEW - stats.numAccepted);
      expect(after.gpuObjects - before.gpuObjects).toBeLessThanOrEqual(2 * 6 + 4);
    });
  });
});
