// Graphs of every kind in the modes that goldens.model.test.ts does not try: bits in the deterministic mode, keys and values in
// f16, and INT4 made while loading.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { floatsOf, idsOf } from './testing/goldens.js';
import { readTensors } from './testing/tensors.js';

/** A golden of each graph. */
const CASES = ['llama3-gqa', 'chatglm2', 'falcon-7b', 'falcon-rw', 'starcoder2', 'gpt2'];

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
  describe.each(CASES)('%s', (name) => {
    const golden = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
    const ids = idsOf(golden, 'input_ids');
    const wanted = floatsOf(golden, 'logits');

    it('deterministic: the same bits in chunks, one by one, and beside another', async () => {
      await using(name, { deterministic: true, maxPrefillTokenNum: 16 }, async (engine) => {
        const whole = await engine.logits(ids);
        expect(rmsError(whole, wanted)).toBeLessThan(0.02);
        const [beside] = await Promise.all([engine.logits(ids), engine.logits(ids.slice(3))]);
        for (const same of [beside, await engine.logits(ids, { decodeFrom: 3 })]) {
          expect(same.findIndex((value, at) => !Object.is(value, whole[at]))).toBe(-1);
        }
      });
    });

    it('f16 keys and values stay within the error of f16', async () => {
      const logits = await using(name, { dtype: 'float16' }, (engine) => engine.logits(ids));
      expect(rmsError(logits, wanted)).toBeLessThan(5e-3);
    });

    it('INT4 costs what it may', async () => {
      const kl = await using(name, { quantize: 'int4-g32' }, async (engine) => {
        return divergence(await engine.logits(ids), wanted, engine.info.vocabSize);
      });
      expect(kl).toBeLessThan(INT4_COST);
      expect(kl, 'quantising must cost something, or it did not happen').toBeGreaterThan(1e-3);
    });
  });
});
