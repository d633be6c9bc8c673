// GGUF files of every quantisation that is read against the logits and greedy ids of the reference on their dequantised
// weights, through the same loader and engine as any checkpoint.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf } from './testing/goldens.js';
import { readTensors } from './testing/tensors.js';

/** Largest error of logits where weights are rounded: the numbers of Q8_0 to f16. */
const ROUNDED = 5e-3;

describeWithFixtures('GGUF goldens', 'goldens/llama-gguf-f16/model.gguf', () => {
  describe.each([
    ['llama-gguf-f16', 'f16', GOLDEN_TOLERANCE],
    ['llama-gguf-q40', 'int4-g32-symmetric', ROUNDED], // its head is Q8_0
    ['llama-gguf-q41', 'q4_1', ROUNDED],
    ['llama-gguf-q50', 'q5_0', ROUNDED],
    ['llama-gguf-q4km', 'q4_k', GOLDEN_TOLERANCE],
    ['llama-gguf-q6k', 'q6_k', GOLDEN_TOLERANCE],
    ['llama-gguf-q80', 'f16', ROUNDED],
    ['qwen2-gguf-f16', 'f16', GOLDEN_TOLERANCE],
    ['qwen2-gguf-q40', 'int4-g32-symmetric', ROUNDED],
  ])('%s', (name, weightFormat, tolerance) => {
    const golden = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
    let engine: Engine;

    beforeAll(async () => {
      const model = fixturesPath(`goldens/${name}/model.gguf`);
      engine = await createEngine({ model, dtype: 'float32', maxBatchSize: 1, sessionLen: 128 });
    });
    afterAll(() => engine?.dispose());

    it('keeps its weights as they are', () => {
      expect(engine.info.weightFormat).toBe(weightFormat);
      expect(engine.info).toMatchObject({ hasTokenizer: true, hasChatTemplate: true });
    });

    it('prefill gives the reference logits', async () => {
      const logits = await engine.logits(idsOf(golden, 'input_ids'));
      expect(errorOf(logits, floatsOf(golden, 'logits'))).toBeLessThan(tolerance);
    });

    it('decode gives the reference logits when the greedy ids are forced', async () => {
      const prompt = idsOf(golden, 'input_ids');
      const logits = await engine.logits([...prompt, ...idsOf(golden, 'greedy_ids')], { decodeFrom: prompt.length });
      const forced = logits.subarray(prompt.length * engine.info.vocabSize);
      expect(errorOf(forced, floatsOf(golden, 'forced_logits'))).toBeLessThan(tolerance);
    });

    it('greedy generation gives the reference ids', async () => {
      const ids = await generateIds(engine, { kind: 'tokens', ids: idsOf(golden, 'input_ids') }, 24);
      expect(ids).toEqual(idsOf(golden, 'greedy_ids'));
    });
  });
});
