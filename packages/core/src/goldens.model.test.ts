// Tiny checkpoints of every family against the logits and greedy ids of the reference implementations, through the same
// loader and engine as any checkpoint.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createEngine } from './node.js';
import { describeGolden } from './testing/describe-golden.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { WAYS_TOLERANCE, waysOf } from './testing/golden-ways.js';
import { errorOf, FAMILY_GOLDENS, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf } from './testing/goldens.js';
import { readTensors } from './testing/tensors.js';

describeWithFixtures('goldens', 'goldens/README.md', () => {
  for (const name of FAMILY_GOLDENS) {
    describeGolden(name, { maxBatchSize: 2, sessionLen: name === 'gpt2' ? 64 : 128 }, (engine, prompt) => {
      it('decoded, chunked, batched and cached, logits are the same', async () => {
        for (const { name: way, actual, wanted } of await waysOf(engine(), name, prompt)) {
          expect(errorOf(actual, wanted), way).toBeLessThan(WAYS_TOLERANCE);
        }
      });
    });
  }

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
