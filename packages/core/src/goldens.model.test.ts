// Tiny checkpoints of every family against the logits and greedy ids of the reference implementations, through the same
// loader and engine as any checkpoint.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { WAYS_TOLERANCE, waysOf } from './testing/golden-ways.js';
import { errorOf, FAMILY_GOLDENS, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf } from './testing/goldens.js';
import { readTensors } from './testing/tensors.js';

/** Of every format of quantised weights. */
const FORMATS = [
  'llama-awq-gemm-g128',
  'llama-awq-gemm-g32',
  'llama-awq-gemv-g128',
  'llama-awq-gemv-g64',
  'qwen2-awq-gemm-g128',
  'qwen2-awq-gemv-g128',
  'llama-gptq-v1-8bit',
  'llama-gptq-v1-actorder',
  'llama-gptq-v1-sym',
  'llama-gptq-v2',
  'qwen2-gptq-v1-actorder',
  'qwen2-gptq-v1-sym',
  'qwen2-gptq-v2',
  'llama-ct-int4',
  'llama-ct-int4-asym',
  'qwen2-ct-int4-asym',
  'llama-mlx-4bit',
  'qwen2-mlx-4bit',
];

describeWithFixtures('goldens', 'goldens/README.md', () => {
  describe.each([...FAMILY_GOLDENS, ...FORMATS])('%s', (name) => {
    const golden = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
    const prompt = idsOf(golden, 'input_ids');
    const isFamily = FAMILY_GOLDENS.includes(name);
    let engine: Engine;

    beforeAll(async () => {
      engine = await createEngine({
        model: fixturesPath(`goldens/${name}`),
        dtype: 'float32',
        maxBatchSize: isFamily ? 2 : 1, // a second sequence is more kernels to compile
        maxPrefillTokenNum: prompt.length + 8,
        cacheBlockSeqLen: 16,
        sessionLen: name === 'gpt2' ? 64 : 128,
      });
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

    it.runIf(isFamily)('decoded, chunked, batched and cached, logits are the same', async () => {
      for (const { name: way, actual, wanted } of await waysOf(engine, name, prompt)) {
        expect(errorOf(actual, wanted), way).toBeLessThan(WAYS_TOLERANCE);
      }
    });
  });

  // Past the trained length, dynamic NTK has several readings; decision 004 says which are ours.
  it('internlm2-ntk: recomputed for every token, greedy generation gives the reference ids', async () => {
    const golden = readTensors(readFileSync(fixturesPath('goldens/internlm2-ntk/golden.safetensors')));
    const engine = await createEngine({
      model: fixturesPath('goldens/internlm2-ntk'),
      dtype: 'float32',
      maxBatchSize: 1,
      sessionLen: 64,
      dynamicRope: 'recompute',
    });
    try {
      const ids = await generateIds(engine, { kind: 'tokens', ids: idsOf(golden, 'input_ids') }, 24);
      expect(ids).toEqual(idsOf(golden, 'greedy_ids'));
    } finally {
      await engine.dispose();
    }
  });

  it('internlm2-ntk: the rotary base follows the length of the ids that are known at the start', async () => {
    const golden = readTensors(readFileSync(fixturesPath('goldens/internlm2-ntk/golden.safetensors')));
    const engine = await createEngine({
      model: fixturesPath('goldens/internlm2-ntk'),
      dtype: 'float32',
      maxBatchSize: 1,
      sessionLen: 64,
    });
    try {
      const prompt = idsOf(golden, 'input_ids');
      expect(errorOf(await engine.logits(prompt), floatsOf(golden, 'logits'))).toBeLessThan(GOLDEN_TOLERANCE);
      const all = await engine.logits([...prompt, ...idsOf(golden, 'greedy_ids')], { decodeFrom: prompt.length });
      const split = prompt.length * engine.info.vocabSize;
      expect(errorOf(all.subarray(0, split), floatsOf(golden, 'logits_limit'))).toBeLessThan(GOLDEN_TOLERANCE);
      expect(errorOf(all.subarray(split), floatsOf(golden, 'forced_logits_limit'))).toBeLessThan(GOLDEN_TOLERANCE);
    } finally {
      await engine.dispose();
    }
  });
});
