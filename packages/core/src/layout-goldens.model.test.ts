// Models as their authors store them: goldens under their names and keys answer as they do under those of transformers.
import { expect, it } from 'vitest';
import type { PromptImage } from './engine/core.js';
import type { ModelSource } from './load/source.js';
import { createEngine } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf, readGolden } from './testing/goldens.js';
import {
  deepseekVlHybridOriginal,
  deepseekVlOriginal,
  internvlOriginal,
  llavaQwenOriginal,
} from './testing/original-layouts.js';

describeWithFixtures('original layouts', 'goldens/README.md', () => {
  it.each<[golden: string, write: () => ModelSource, family: string, architecture: string]>([
    ['internvl', internvlOriginal, 'internvl_chat', 'InternVLChatModel'],
    ['deepseek_vl', deepseekVlOriginal, 'multi_modality', 'MultiModalityCausalLM'],
    ['deepseek_vl_hybrid', deepseekVlHybridOriginal, 'multi_modality', 'MultiModalityCausalLM'],
    ['llava_onevision', llavaQwenOriginal, 'llava_qwen', 'LlavaQwenForCausalLM'],
  ])('%s gives the reference logits and ids, from the picture on', async (name, write, family, architecture) => {
    const golden = readGolden(name);
    const [ids, greedy] = [idsOf(golden, 'input_ids'), idsOf(golden, 'greedy_ids')];
    const picture = `${fixturesPath(`goldens/${name}`)}/image.png`;
    const engine = await createEngine({ model: write(), dtype: 'float32', maxBatchSize: 1, sessionLen: 128 });
    // The authors of DeepSeek-VL shrink the larger square with another filter than the golden's.
    const images: PromptImage[] = golden.has('high_res_pixel_values')
      ? [
          {
            ...{ kind: 'pixel_values', numTiles: 1 },
            values: floatsOf(golden, 'pixel_values') as Float32Array<ArrayBuffer>,
            highRes: floatsOf(golden, 'high_res_pixel_values') as Float32Array<ArrayBuffer>,
          },
        ]
      : [picture];
    try {
      expect(engine.info).toMatchObject({ family, architecture });
      const logits = await engine.logits([...ids, ...greedy], { images, decodeFrom: ids.length });
      const split = ids.length * engine.info.vocabSize;
      expect(errorOf(logits.subarray(0, split), floatsOf(golden, 'logits'))).toBeLessThan(GOLDEN_TOLERANCE);
      expect(errorOf(logits.subarray(split), floatsOf(golden, 'forced_logits'))).toBeLessThan(GOLDEN_TOLERANCE);
      expect(await generateIds(engine, { kind: 'tokens', ids, images: [picture] }, 24)).toEqual(greedy);
    } finally {
      await engine.dispose();
    }
  });
});
