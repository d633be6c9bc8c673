// Keys and values in 8 and 4 bits, in a trained model: what they cost in perplexity, that decode and prefill read the same
// cache, that batch and prefix cache change nothing, and what is really allocated and dispatched.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';
import { generateIds, perplexity, TINYSTORIES } from './testing/tinystories.js';

const OPTIONS = { maxBatchSize: 4, cacheBlockSeqLen: 16, sessionLen: 256 } as const;
const PROMPT = [1, 80, 147, 201, 282, 57, 80, 99, 282, 57, 33, 80, 147, 12, 99, 201, 80, 5, 282, 147, 57, 80];

/** Root mean square of a, or of a less b. */
function rms(a: Float32Array, b?: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b?.[i] ?? 0)) ** 2, 0) / a.length);
}

describeWithFixtures(TINYSTORIES, TINYSTORIES, (model) => {
  const engines: Engine[] = [];
  const open = async (options: EngineOptions): Promise<Engine> => {
    const engine = await createEngine({ model, ...OPTIONS, ...options });
    engines.push(engine);
    return engine;
  };
  const numPieces = 8;
  let float: Engine;
  let floatPerplexity: number;
  beforeAll(async () => {
    float = await open({ quantPolicy: 0 });
    floatPerplexity = await perplexity(float, numPieces);
  });
  afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

  describe.each([
    { quantPolicy: 8, kvDtype: 'int8', lineBytes: 16 + 4, least: 0.0001, most: 0.02 },
    { quantPolicy: 4, kvDtype: 'int4', lineBytes: 8 + 4, least: 0.1, most: 0.7 },
  ] as const)('quantPolicy $quantPolicy', ({ quantPolicy, kvDtype, lineBytes, least, most }) => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open({ quantPolicy });
    });

    it('costs this much perplexity', async () => {
      const cost = (await perplexity(engine, numPieces)) - floatPerplexity;
      expect(cost).toBeLessThanOrEqual(most);
      expect(Math.abs(cost), 'quantising must cost something, or it did not happen').toBeGreaterThan(least);
    });

    it('gives the same logits whether positions are computed at once or one by one', async () => {
      const whole = await engine.logits(PROMPT);
      const stepwise = await engine.logits(PROMPT, { decodeFrom: 3 });
      // Matrices are multiplied in another order, so a code in thousands falls on the other side of a middle.
      expect(rms(stepwise, whole)).toBeLessThan(0.2 * rms(await float.logits(PROMPT), whole));
    });

    it('allocates what it says', () => {
      const { info } = engine;
      expect(info.kvDtype).toBe(kvDtype);
      expect(info.numBlocks).toBe(float.info.numBlocks);
      const numLines = info.numBlocks * OPTIONS.cacheBlockSeqLen * 2 * 4 * 2; // keys and values, 4 heads, 2 layers
      expect(info.memory.kvBytes).toBe(numLines * lineBytes);
      expect(float.info.memory.kvBytes).toBe(numLines * 16 * 4);
      // Everything else is the same, so the totals, which count buffers, differ by the caches.
      const saved = float.info.memory.kvBytes - info.memory.kvBytes;
      expect(float.info.memory.totalBytes - info.memory.totalBytes).toBe(saved);
    });

    it('dispatches no more than floats do', async () => {
      const dispatches = async (of: Engine): Promise<number> => {
        const before = (await of.stats()).counters.dispatches;
        await of.logits(PROMPT, { decodeFrom: 16 });
        return (await of.stats()).counters.dispatches - before;
      };
      expect(await dispatches(engine)).toBe(await dispatches(float));
    });

    it('generates the same ids in a batch and with blocks of others as alone and without', async () => {
      const prompts = [PROMPT, [...PROMPT.slice(0, 19), 57], [1, 282, 57, 80, 99], [1]];
      const uncached = await open({ quantPolicy, enablePrefixCaching: false });
      const alone: number[][] = [];
      for (const prompt of prompts) alone.push(await generateIds(uncached, prompt, 20));
      expect(await Promise.all(prompts.map((prompt) => generateIds(uncached, prompt, 20)))).toEqual(alone);
      for (const [i, prompt] of prompts.entries()) expect(await generateIds(engine, prompt, 20)).toEqual(alone[i]);
      expect((await engine.stats()).numTokensFound).toBeGreaterThan(0);
    });
  });
});
