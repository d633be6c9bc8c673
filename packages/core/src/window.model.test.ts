// A model whose layers see a window alone: sequences give back the pages behind it while they run, so that a small pool holds
// more of them than it has room for, and their answers stay the same to the last bit.
import { expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';
import { generateIds } from './testing/goldens.js';

const MODEL = 'goldens/mistral';
const OPTIONS: EngineOptions = {
  deterministic: true,
  maxBatchSize: 4,
  cacheBlockSeqLen: 16,
  sessionLen: 160,
  maxPrefillTokenNum: 32,
};
const NUM_TOKENS = 120;
const PROMPTS = [1, 2, 3, 4].map((number) =>
  Array.from({ length: 9 * number }, (_, i) => 5 + ((i * 31 + number) % 50)),
);

async function using<T>(model: string, options: EngineOptions, use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await createEngine({ model, ...OPTIONS, ...options });
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

function generateAll(engine: Engine): Promise<number[][]> {
  return Promise.all(PROMPTS.map((ids) => generateIds(engine, { kind: 'tokens', ids }, NUM_TOKENS)));
}

describeWithFixtures(MODEL, MODEL, (model) => {
  it('goes on in pages that others have left behind', { timeout: 120_000 }, async () => {
    const roomy = await using(model, { enablePrefixCaching: false }, generateAll);
    expect(roomy.map(({ length }) => length)).toEqual(PROMPTS.map(() => NUM_TOKENS));
    // Whole they would take 36 blocks; none has to make room for another.
    const [narrow, stats] = await using(model, { cacheMaxEntryCount: 12 }, async (engine) => [
      await generateAll(engine),
      await engine.stats(),
    ]);
    expect(narrow).toEqual(roomy);
    expect(stats.numPreemptions).toBe(0);
  });
});
