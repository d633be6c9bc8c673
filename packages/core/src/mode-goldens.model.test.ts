// Goldens of every family in the modes that goldens.model.test.ts does not try: halves for weights, keys and values, and the
// deterministic mode with INT4 that is made while loading.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { divergence, expectSameBits, HALVES_TOLERANCE, INT4_COST, waysOf } from './testing/golden-ways.js';
import { FAMILY_GOLDENS, floatsOf, idsOf, rmsError } from './testing/goldens.js';
import { readTensors } from './testing/tensors.js';

async function using<T>(name: string, options: EngineOptions, use: (engine: Engine) => Promise<T>): Promise<T> {
  const common = { maxBatchSize: 2, sessionLen: 64, cacheBlockSeqLen: 16 };
  const engine = await createEngine({ model: fixturesPath(`goldens/${name}`), ...common, ...options });
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

describeWithFixtures('modes of families', 'goldens/README.md', () => {
  describe.each(FAMILY_GOLDENS)('%s', (name) => {
    const golden = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
    const ids = idsOf(golden, 'input_ids');
    const wanted = floatsOf(golden, 'logits');
    const options = { maxPrefillTokenNum: ids.length + 8 };

    it('halves stay within the error of halves', async () => {
      const logits = await using(name, { ...options, dtype: 'float16', maxBatchSize: 1 }, (engine) =>
        engine.logits(ids),
      );
      expect(rmsError(logits, wanted)).toBeLessThan(HALVES_TOLERANCE);
    });

    it('deterministic and in INT4: the same bits in every way, at what INT4 may cost', async () => {
      await using(name, { ...options, deterministic: true, quantize: 'int4-g32' }, async (engine) => {
        const kl = divergence(await engine.logits(ids), wanted, engine.info.vocabSize);
        expect(kl).toBeLessThan(INT4_COST);
        expect(kl, 'quantising must cost something, or it did not happen').toBeGreaterThan(1e-3);
        expectSameBits(await waysOf(engine, name, ids));
      });
    });
  });
});
