// `deterministic`: what a sequence computes has the same bits alone and in company, in any chunks, after a preemption and
// behind blocks that another one has filled.
import { expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const MODEL = 'fixtures/models/tinystories-656k';
const OPTIONS: EngineOptions = {
  deterministic: true,
  maxBatchSize: 8,
  cacheBlockSeqLen: 16,
  sessionLen: 96,
  maxPrefillTokenNum: 64,
};

/** Ids of a prompt, the same for the same number. */
function prompt(number: number, length: number): number[] {
  return Array.from({ length }, (_, i) => 3 + ((number * 131 + i * i * 17 + i * 7) % 500));
}

const PROMPTS = [prompt(1, 50), prompt(2, 3), prompt(3, 17), prompt(4, 33), prompt(5, 1)];

interface Drawn {
  readonly tokenIds: number[];
  /** Log probabilities of each token and of the twenty best, whose bits are those of the logits. */
  readonly logprobs: number[][];
}

/** A drawn answer, which a wrong bit of any logit soon turns into another one. */
async function draw(engine: Engine, ids: readonly number[], seed: number): Promise<Drawn> {
  const drawn: Drawn = { tokenIds: [], logprobs: [] };
  const sampling = { temperature: 1.5, seed };
  const prompt = { kind: 'tokens', ids } as const;
  for await (const event of engine.generate({ prompt, sampling, maxNewTokens: 32, ignoreEos: true, logprobs: 20 })) {
    if (event.type !== 'delta') continue;
    drawn.tokenIds.push(...event.tokenIds);
    for (const { logprob, top } of event.logprobs ?? []) {
      drawn.logprobs.push([logprob, ...top.map((other) => other.logprob)]);
    }
  }
  return drawn;
}

function drawAll(engine: Engine): Promise<Drawn[]> {
  return Promise.all(PROMPTS.map((ids, i) => draw(engine, ids, i)));
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

describeWithFixtures(MODEL, MODEL, (model) => {
  it('gives logits with the same bits in chunks, one at a time and beside others', { timeout: 120_000 }, async () => {
    const ids = PROMPTS[0] ?? [];
    const whole = await using({ model, ...OPTIONS }, (engine) => engine.logits(ids));
    const same = await using({ model, ...OPTIONS, maxPrefillTokenNum: 11 }, async (engine) => [
      await engine.logits(ids),
      await engine.logits(ids, { decodeFrom: 20 }),
      ...(await Promise.all([engine.logits(ids), ...PROMPTS.map((other) => engine.logits(other))])).slice(0, 2),
    ]);
    for (const [i, logits] of same.entries()) {
      const different = logits.findIndex((value, at) => !Object.is(value, whole[at]));
      expect(different, `logits ${i} differ`).toBe(-1);
    }
  });

  it('draws from the same bits alone, in a batch, after preemptions, from cached blocks, with any steps in flight', {
    timeout: 120_000,
  }, async () => {
    const one = { maxBatchSize: 1, maxStepsInFlight: 1, enablePrefixCaching: false };
    const alone = await using({ model, ...OPTIONS, ...one }, drawAll);
    expect(new Set(alone.map(({ tokenIds }) => String(tokenIds))).size).toBe(PROMPTS.length);
    expect(alone.flatMap(({ logprobs }) => logprobs.map(({ length }) => length))).toEqual(Array(5 * 32).fill(21));
    const [together, again] = await using({ model, ...OPTIONS, maxStepsInFlight: 4 }, async (engine) => [
      await drawAll(engine),
      // All but the first find blocks of the round before.
      await drawAll(engine),
    ]);
    expect(together).toEqual(alone);
    expect(again).toEqual(alone);
    // Eight blocks hold one of the sequences with room for another's beginning.
    const narrow = { cacheMaxEntryCount: 8, maxPrefillTokenNum: 13, maxStepsInFlight: 1 };
    expect(await using({ model, ...OPTIONS, ...narrow }, drawAll)).toEqual(alone);
  });
});
