// The memory plan and what is really allocated, on a GPU: equal to the byte, for every share of the budget.
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createEngine, planModel } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const MODEL = 'fixtures/models/tinystories-656k';
const OPTIONS = { sessionLen: 512, maxBatchSize: 16, maxPrefillTokenNum: 32, memoryBudget: 12 * 2 ** 20 };

it('allocates for images what it planned', { timeout: 120_000 }, async () => {
  const model = fileURLToPath(new URL('../../demo-app/public/models/pagemind-sketch', import.meta.url));
  const { budgetBytes, ...planned } = (await planModel({ model })).memory;
  const engine = await createEngine({ model });
  await engine.dispose();
  expect(planned.imageBytes).toBeGreaterThan(32 * 2 ** 20);
  expect(engine.info.memory).toEqual(planned);
  expect(planned.totalBytes).toBeLessThan(budgetBytes);
});

describeWithFixtures(MODEL, MODEL, (model) => {
  it('allocates what it planned for every share of the budget', { timeout: 120_000 }, async () => {
    const used: number[] = [];
    for (const [cacheMaxEntryCount, quantize] of [[0.8], [0.4], [0.01], [0.01, 'int4-g128']] as const) {
      const options = { ...OPTIONS, model, cacheMaxEntryCount, ...(quantize && { quantize }) };
      const plan = await planModel(options);
      const engine = await createEngine(options);
      const { memory, numBlocks } = engine.info;
      await engine.dispose();
      const { budgetBytes, ...planned } = plan.memory;
      expect(memory).toEqual(planned);
      expect(numBlocks).toBe(plan.numBlocks);
      expect(memory.totalBytes).toBeLessThanOrEqual(budgetBytes);
      used.push(memory.totalBytes);
    }
    const [most = 0, half = 0, least = 0, quantised = 0] = used;
    // Of a budget B, weights W and a share r, LMDeploy's relation: used = W + others + r (B - W).
    expect((most - least) / (half - least)).toBeCloseTo(0.79 / 0.39, 1);
    expect(quantised).toBeLessThan(least);
  });
});
