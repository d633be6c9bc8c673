// The tests of a decoder's golden: the same loader and engine as any checkpoint's, against the stored reference. Which goldens
// there are, and what else is asked of some, is in the files that call it.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine, type NodeEngineOptions } from '../node.js';
import { fixturesPath } from './fixtures.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf } from './goldens.js';
import { readTensors } from './tensors.js';

/** Prefill, decode and greedy generation against the reference; `more` adds tests of the same engine. */
export function describeGolden(
  name: string,
  options: Pick<NodeEngineOptions, 'maxBatchSize' | 'sessionLen'>,
  more: (engine: () => Engine, prompt: readonly number[]) => void = () => {},
): void {
  describe(name, () => {
    const golden = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
    const prompt = idsOf(golden, 'input_ids');
    let engine: Engine;

    beforeAll(async () => {
      const sizes = { maxPrefillTokenNum: prompt.length + 8, cacheBlockSeqLen: 16, ...options };
      engine = await createEngine({ model: fixturesPath(`goldens/${name}`), dtype: 'float32', ...sizes });
    });
    afterAll(() => engine?.dispose());

    it('prefill gives the reference logits', async () => {
      const logits = await engine.logits(prompt);
      expect(errorOf(logits, floatsOf(golden, 'logits'))).toBeLessThan(GOLDEN_TOLERANCE);
    });

    it('decode gives the reference logits when the greedy ids are forced', async () => {
      const greedy = idsOf(golden, 'greedy_ids');
      const logits = await engine.logits([...prompt, ...greedy], { decodeFrom: prompt.length });
      const wanted = floatsOf(golden, 'forced_logits');
      const forced = logits.subarray(prompt.length * engine.info.vocabSize);
      expect(errorOf(forced, wanted)).toBeLessThan(GOLDEN_TOLERANCE);
    });

    it('greedy generation gives the reference ids', async () => {
      const ids = await generateIds(engine, { kind: 'tokens', ids: prompt }, 24);
      expect(ids).toEqual(idsOf(golden, 'greedy_ids'));
    });

    more(() => engine, prompt);
  });
}
