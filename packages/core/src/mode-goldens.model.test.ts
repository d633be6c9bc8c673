// Goldens of every family in the modes that goldens.model.test.ts does not try: halves for weights, keys and values, and the
// deterministic mode with INT4 that is made while loading.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { FAMILY_GOLDENS, floatsOf, idsOf, waysOf } from './testing/goldens.js';
import { readTensors } from './testing/tensors.js';

/** Most that INT4 in groups of 32 may cost a golden, whose random weights bear it badly: KL of f32 from INT4, nats a token. */
const INT4_COST = 1;

async function using<T>(name: string, options: EngineOptions, use: (engine: Engine) => Promise<T>): Promise<T> {
  const common = { maxBatchSize: 2, sessionLen: 64, cacheBlockSeqLen: 16 };
  const engine = await createEngine({ model: fixturesPath(`goldens/${name}`), ...common, ...options });
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

/** Root mean square of the differences over the spread of `wanted`. */
function rmsError(actual: Float32Array, wanted: Float32Array): number {
  const mean = wanted.reduce((sum, value) => sum + value, 0) / wanted.length;
  const square = (of: (value: number, i: number) => number): number =>
    wanted.reduce((sum, value, i) => sum + of(value, i) ** 2, 0);
  return Math.sqrt(square((value, i) => (actual[i] ?? Number.NaN) - value) / square((value) => value - mean));
}

/** Mean over rows of the KL divergence of `actual` from `wanted`, in nats. */
function divergence(actual: Float32Array, wanted: Float32Array, vocabSize: number): number {
  const logSoftmax = (row: Float32Array): Float32Array => {
    const top = Math.max(...row);
    const sum = Math.log(row.reduce((total, value) => total + Math.exp(value - top), 0));
    return row.map((value) => value - top - sum);
  };
  let total = 0;
  for (let at = 0; at < wanted.length; at += vocabSize) {
    const [p, q] = [wanted, actual].map((logits) => logSoftmax(logits.subarray(at, at + vocabSize)));
    total += p?.reduce((sum, value, i) => sum + Math.exp(value) * (value - (q?.[i] ?? Number.NaN)), 0) ?? Number.NaN;
  }
  return total / (wanted.length / vocabSize);
}

describeWithFixtures('modes of families', 'goldens/README.md', () => {
  describe.each(FAMILY_GOLDENS)('%s', (name) => {
    const golden = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
    const ids = idsOf(golden, 'input_ids');
    const wanted = floatsOf(golden, 'logits');
    const options = { maxPrefillTokenNum: ids.length + 8 };

    it('halves stay within the error of halves', async () => {
      const logits = await using(name, { ...options, dtype: 'float16' }, (engine) => engine.logits(ids));
      expect(rmsError(logits, wanted)).toBeLessThan(5e-3);
    });

    it('deterministic and in INT4: the same bits in every way, at what INT4 may cost', async () => {
      await using(name, { ...options, deterministic: true, quantize: 'int4-g32' }, async (engine) => {
        const kl = divergence(await engine.logits(ids), wanted, engine.info.vocabSize);
        expect(kl).toBeLessThan(INT4_COST);
        expect(kl, 'quantising must cost something, or it did not happen').toBeGreaterThan(1e-3);
        for (const { name: way, actual, wanted: same } of await waysOf(engine, name, ids)) {
          expect(actual.length, way).toBe(same.length);
          expect(
            actual.findIndex((value, at) => !Object.is(value, same[at])),
            way,
          ).toBe(-1);
        }
      });
    });
  });
});
