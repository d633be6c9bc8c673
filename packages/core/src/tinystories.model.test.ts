// A trained model end to end: greedy ids against float64 goldens, perplexity unquantised and quantised, and what a decode
// step may cost, in counts.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';
import { generateIds, perplexity, TINYSTORIES } from './testing/tinystories.js';

interface Golden {
  readonly prompts: readonly {
    readonly prompt: string;
    readonly input_ids: readonly number[];
    readonly greedy_ids: readonly number[];
    readonly greedy_top1_top2_margin: readonly number[];
  }[];
}

describeWithFixtures(TINYSTORIES, TINYSTORIES, (model) => {
  describe('unquantised', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await createEngine({ model, maxBatchSize: 4 });
    });
    afterAll(() => engine?.dispose());

    it('continues the golden prompts with the golden ids up to the first near tie', async () => {
      const golden = JSON.parse(readFileSync(`${model}/golden.json`, 'utf8')) as Golden;
      let numCompared = 0;
      for (const { prompt, input_ids, greedy_ids, greedy_top1_top2_margin } of golden.prompts) {
        expect(await engine.encode(prompt)).toEqual(input_ids);
        const tie = greedy_top1_top2_margin.findIndex((margin) => margin < 1e-3);
        const certain = tie === -1 ? greedy_ids.length : tie;
        const ids = await generateIds(engine, input_ids, greedy_ids.length);
        expect(ids.slice(0, certain)).toEqual(greedy_ids.slice(0, certain));
        numCompared += certain;
      }
      expect(numCompared).toBeGreaterThan(150);
    });

    it('gives the same ids to sequences that run together as to one alone', async () => {
      const prompts = [[1, 80, 147], [1, 201], [1, 282, 57, 80, 99], [1]];
      const alone: number[][] = [];
      for (const prompt of prompts) alone.push(await generateIds(engine, prompt, 20));
      const together = await Promise.all(prompts.map((prompt) => generateIds(engine, prompt, 20)));
      expect(together).toEqual(alone);
    });

    it('draws the same tokens for the same seed, whatever runs beside it', async () => {
      const draw = (seed: number) =>
        generateIds(engine, [1, 80, 147], 16, { temperature: 1, topP: 0.95, topK: 100, seed });
      const first = await draw(7);
      const [again, other] = await Promise.all([draw(7), draw(8)]);
      expect(again).toEqual(first);
      expect(other).not.toEqual(first);
    });

    it('creates no GPU object in a decode step and stays within the dispatches of its layers', async () => {
      const numLayers = 2;
      let from: Awaited<ReturnType<Engine['stats']>> | undefined;
      let numTokens = 0;
      const request = {
        prompt: { kind: 'tokens', ids: [1, 80] },
        sampling: {},
        maxNewTokens: 64,
        ignoreEos: true,
      } as const;
      const before = (await engine.stats()).counters;
      for await (const event of engine.generate(request)) {
        if (event.type === 'end') break;
        numTokens += event.tokenIds.length;
        if (numTokens >= 8) from ??= await engine.stats();
      }
      const to = (await engine.stats()).counters;
      const counters = from?.counters ?? before;
      const numSteps = to.steps - counters.steps;
      expect(numSteps).toBeGreaterThan(16);
      expect(to.gpuObjects - counters.gpuObjects).toBe(0);
      expect(to.submits - counters.submits).toBeLessThanOrEqual(numSteps);
      expect(to.passes - counters.passes).toBe(to.submits - counters.submits);
      expect((to.dispatches - counters.dispatches) / numSteps).toBeLessThanOrEqual(6 * numLayers + 4);
      expect((to.readbackBytes - before.readbackBytes) / 64).toBeLessThanOrEqual(64);
    });

    it('has the perplexity of the reference', async () => {
      expect(Math.abs((await perplexity(engine)) - 31.06)).toBeLessThan(0.1);
    });
  });

  describe.each([
    ['int4-g32', 32.1],
    ['int4-g64', 32.4],
    ['int4-g128', 33.6],
  ])('quantised while loading to %s', (quantize, limit) => {
    it(`has a perplexity of at most ${limit}`, async () => {
      const engine = await createEngine({ model, quantize, maxBatchSize: 1 });
      try {
        const value = await perplexity(engine);
        expect(value).toBeLessThanOrEqual(limit);
        expect(value, 'quantising must cost something, or it did not happen').toBeGreaterThan(31.2);
      } finally {
        await engine.dispose();
      }
    });
  });
});
