// GGUF files of every quantisation that is read against the logits and greedy ids of the reference on their dequantised
// weights, through the same loader and engine as any checkpoint.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf } from './testing/goldens.js';
import { readTensors } from './testing/tensors.js';

describeWithFixtures('GGUF goldens', 'goldens/llama-gguf-f16/model.gguf', () => {
  describe.each([
    ['llama-gguf-f16', 'f16'],
    ['llama-gguf-q40', 'int4-g32-symmetric'],
    ['llama-gguf-q41', 'int4-g32-biases'],
    ['llama-gguf-q50', 'q5_0'],
    ['llama-gguf-q4km', 'q4_k'],
    ['llama-gguf-q6k', 'q6_k'],
    ['llama-gguf-q80', 'int8-g32-symmetric'],
    ['qwen2-gguf-f16', 'f16'],
    ['qwen2-gguf-q40', 'int4-g32-symmetric'],
  ])('%s', (name, weightFormat) => {
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
      expect(errorOf(logits, floatsOf(golden, 'logits'))).toBeLessThan(GOLDEN_TOLERANCE);
    });

    it('decode gives the reference logits when the greedy ids are forced', async () => {
      const prompt = idsOf(golden, 'input_ids');
      const logits = await engine.logits([...prompt, ...idsOf(golden, 'greedy_ids')], { decodeFrom: prompt.length });
      const forced = logits.subarray(prompt.length * engine.info.vocabSize);
      expect(errorOf(forced, floatsOf(golden, 'forced_logits'))).toBeLessThan(GOLDEN_TOLERANCE);
    });

    it('greedy generation gives the reference ids', async () => {
      const ids = await generateIds(engine, { kind: 'tokens', ids: idsOf(golden, 'input_ids') }, 24);
      expect(ids).toEqual(idsOf(golden, 'greedy_ids'));
    });
  });
});
