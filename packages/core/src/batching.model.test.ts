// The default mode: a request answers the same alone and in a batch of up to sixteen, with others joining and leaving, with
// and without shared blocks, in any chunks, after preemptions, with one or four steps in flight. Kernels may differ with
// the batch, and with them the last bits; so ids are equal up to the first near tie.
import { expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const MODEL = 'fixtures/models/tinystories-656k';
const OPTIONS: EngineOptions = { maxBatchSize: 16, cacheBlockSeqLen: 16, sessionLen: 96, maxPrefillTokenNum: 64 };
/** Of the best token's log probability over the next one's: closer ones may change places. */
const NEAR_TIE = 1e-4;

interface Answer {
  readonly ids: number[];
  /** Lead of each token over the next best. */
  readonly margins: number[];
}

/** Sixteen prompts of 1 to 56 tokens, some of which begin alike. */
const PROMPTS = Array.from({ length: 16 }, (_, number) =>
  Array.from({ length: 1 + ((number * 37) % 56) }, (_, i) => 3 + (((number % 5) * 131 + i * i * 17 + i * 7) % 500)),
);

/** Different lengths, so that some leave while others go on. */
const lengthOf = (number: number): number => 8 + ((number * 7) % 25);

async function answer(engine: Engine, number: number): Promise<Answer> {
  const answered: Answer = { ids: [], margins: [] };
  const events = engine.generate({
    prompt: { kind: 'tokens', ids: PROMPTS[number] ?? [] },
    sampling: { temperature: 0 },
    maxNewTokens: lengthOf(number),
    ignoreEos: true,
    logprobs: 2,
  });
  for await (const event of events) {
    if (event.type !== 'delta') continue;
    answered.ids.push(...event.tokenIds);
    for (const { top } of event.logprobs ?? []) {
      answered.margins.push((top[0]?.logprob ?? 0) - (top[1]?.logprob ?? Number.NEGATIVE_INFINITY));
    }
  }
  return answered;
}

/** All of them at once; the last ones join when the first has ended. */
async function answerTogether(engine: Engine, numLate: number): Promise<Answer[]> {
  const numbers = PROMPTS.map((_, number) => number);
  const early = numbers.slice(0, numbers.length - numLate).map((number) => answer(engine, number));
  await Promise.race(early);
  const late = numbers.slice(numbers.length - numLate).map((number) => answer(engine, number));
  return Promise.all([...early, ...late]);
}

async function using<T>(model: string, more: EngineOptions, use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await createEngine({ model, ...OPTIONS, ...more });
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

/** Tokens compared; fails where two answers part before a near tie. */
function compare(alone: readonly Answer[], together: readonly Answer[]): number {
  let numCompared = 0;
  for (const [number, { ids, margins }] of alone.entries()) {
    const tie = margins.findIndex((margin) => margin < NEAR_TIE);
    const end = tie === -1 ? ids.length : tie;
    expect(together[number]?.ids.slice(0, end), `request ${number}`).toEqual(ids.slice(0, end));
    numCompared += end;
  }
  return numCompared;
}

describeWithFixtures(MODEL, MODEL, (model) => {
  it('answers sixteen requests as it answers each alone', { timeout: 600_000 }, async () => {
    const one = { maxBatchSize: 1, maxStepsInFlight: 1, enablePrefixCaching: false };
    const alone = await using(model, one, async (engine) => {
      const answers: Answer[] = [];
      for (const number of PROMPTS.keys()) answers.push(await answer(engine, number));
      return answers;
    });
    const numTokens = alone.reduce((sum, { ids }) => sum + ids.length, 0);
    const ways: readonly (EngineOptions & { readonly numLate?: number })[] = [
      { maxStepsInFlight: 4 },
      { maxStepsInFlight: 1, numLate: 6 },
      { enablePrefixCaching: false, maxBatchSize: 3, maxPrefillTokenNum: 7, maxStepsInFlight: 4, numLate: 3 },
      // Twelve blocks for what needs fifty: somebody has to make room again and again.
      { cacheMaxEntryCount: 12, maxPrefillTokenNum: 23, maxStepsInFlight: 4 },
    ];
    for (const { numLate = 0, ...way } of ways) {
      const [together, again] = await using(model, way, async (engine) => [
        await answerTogether(engine, numLate),
        await answerTogether(engine, numLate),
      ]);
      // Ties are rare: what is compared is nearly everything.
      expect(compare(alone, together), JSON.stringify(way)).toBeGreaterThan(0.9 * numTokens);
      expect(compare(alone, again), JSON.stringify(way)).toBeGreaterThan(0.9 * numTokens);
    }
  });
});
