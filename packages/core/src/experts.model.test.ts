// Models with experts beyond their goldens: rows are routed as they come or sorted by expert, alone or beside others, with
// all experts in one buffer or in several, and the answer stays the same.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Engine } from './api/engine-api.js';
import { type AssembleOptions, assembleEngine } from './assemble.js';
import { planModel } from './node.js';
import { createNodePlatform } from './platform/node.js';
import { folderSource } from './platform/node-source.js';
import { describeWithFixtures } from './testing/fixtures.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf } from './testing/goldens.js';
import { withLimit } from './testing/limited-gpu.js';
import { readTensors } from './testing/tensors.js';

const MODEL = 'goldens/qwen1_5-moe';
const OPTIONS: AssembleOptions = { dtype: 'float32', maxBatchSize: 1, sessionLen: 96, cacheBlockSeqLen: 16 };

/** Prompts of 1 to 14 tokens. */
const PROMPTS = Array.from({ length: 10 }, (_, number) =>
  Array.from({ length: 1 + ((number * 5) % 14) }, (_, i) => (number * 31 + i * i * 7 + 3) % 192),
);

/** @param maxBufferBytes of a device that can bind no more */
async function using<T>(
  model: string,
  options: AssembleOptions,
  use: (engine: Engine) => Promise<T>,
  maxBufferBytes?: number,
): Promise<T> {
  const platform = createNodePlatform();
  const gpu = platform.gpu();
  const limited = maxBufferBytes === undefined ? gpu : withLimit(gpu, maxBufferBytes);
  const source = folderSource(model);
  const engine = new Engine(
    await assembleEngine({ ...platform, gpu: () => limited }, source, { ...OPTIONS, ...options }),
  );
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

/** Mean Kullback-Leibler divergence of the distributions that rows of logits stand for. */
function divergence(wanted: Float32Array, actual: Float32Array, vocabSize: number): number {
  let sum = 0;
  for (let start = 0; start < wanted.length; start += vocabSize) {
    const [p, q] = [wanted, actual].map((all) => logSoftmax(all.subarray(start, start + vocabSize)));
    p?.forEach((logp, i) => {
      sum += Math.exp(logp) * (logp - (q?.[i] ?? 0));
    });
  }
  return (sum * vocabSize) / wanted.length;
}

function logSoftmax(logits: Float32Array): number[] {
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  return Array.from(logits, (logit) => logit - Math.log(total));
}

describeWithFixtures(MODEL, MODEL, (model) => {
  const golden = readTensors(readFileSync(`${model}/golden.safetensors`));
  const ids = idsOf(golden, 'input_ids');
  const wanted = floatsOf(golden, 'logits');

  it('gives the reference logits in chunks that fill no tile, in the memory that was planned', async () => {
    const options = { maxPrefillTokenNum: 5 };
    const plan = await planModel({ model, ...OPTIONS, ...options });
    const { logits, memory } = await using(model, options, async (engine) => {
      return { logits: await engine.logits(ids), memory: engine.info.memory };
    });
    expect(errorOf(logits, wanted)).toBeLessThan(GOLDEN_TOLERANCE);
    expect(memory.weightBytes).toBe(plan.memory.weightBytes);
    expect(memory.activationBytes).toBe(plan.memory.activationBytes);
    // Two layers of eight experts in bf16: 24 + 24 rows of 64 columns, and 64 rows of 24, padded to 32.
    expect(plan.memory.weightBytes).toBeGreaterThan(2 * 8 * (48 * 64 + 64 * 32) * 2);
  });

  it('answers ten requests at once as it answers each alone', async () => {
    await using(model, { maxBatchSize: 10, maxPrefillTokenNum: 48, enablePrefixCaching: false }, async (engine) => {
      const answer = (prompt: number[]) => generateIds(engine, { kind: 'tokens', ids: prompt }, 5);
      const alone: number[][] = [];
      for (const prompt of PROMPTS) alone.push(await answer(prompt));
      expect(await Promise.all(PROMPTS.map(answer))).toEqual(alone);
    });
  });

  it('deterministic: gives logits with the same bits in chunks, one at a time and beside others', async () => {
    await using(model, { deterministic: true, maxBatchSize: 4, maxPrefillTokenNum: 11 }, async (engine) => {
      const chunks = await engine.logits(ids);
      expect(errorOf(chunks, wanted)).toBeLessThan(GOLDEN_TOLERANCE);
      expect(await engine.logits(ids, { decodeFrom: 4 })).toEqual(chunks);
      const beside = await Promise.all([ids, ...PROMPTS].map((prompt) => engine.logits(prompt)));
      expect(beside[0]).toEqual(chunks);
    });
  });

  it('puts experts into several buffers where one cannot be bound', async () => {
    // Of a layer, bf16: all gates and ups have 49,152 bytes, an expert's 6,144; embedding and head have 24,576.
    const logits = await using(
      model,
      {},
      async (engine) => [await engine.logits(ids), await engine.logits(ids, { decodeFrom: 4 })],
      25_000,
    );
    for (const some of logits) expect(errorOf(some, wanted)).toBeLessThan(GOLDEN_TOLERANCE);
  });

  it.each([
    ['as it is stored, keys and values in f16', {}, 1e-5],
    // Random weights of 64 columns: some choices of experts change.
    ['int4-g32', { quantize: 'int4-g32' }, 0.3],
  ])('%s: differs little from the reference', async (_what, options, limit) => {
    const logits = await using(model, { dtype: 'auto', ...options }, (engine) => engine.logits(ids));
    const cost = divergence(wanted, logits, 192);
    expect(cost).toBeLessThan(limit);
    expect(cost, 'rounding must cost something, or it did not happen').toBeGreaterThan(1e-9);
  });
});
