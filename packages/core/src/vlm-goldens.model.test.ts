// Tiny vision-language checkpoints against the reference implementations: from pixel values and from pictures, through the
// same loader and engine as any checkpoint.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Prompt, PromptImage } from './engine/core.js';
import { createEngine, type Engine, type NodeEngineOptions } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { goldenModel } from './testing/golden-model.js';
import {
  divergence,
  expectSameBits,
  HALVES_TOLERANCE,
  INT4_COST,
  WAYS_TOLERANCE,
  waysOf,
} from './testing/golden-ways.js';
import {
  errorOf,
  floatsOf,
  GOLDEN_TOLERANCE,
  generateIds,
  idsOf,
  promptOf,
  readGolden,
  rmsError,
} from './testing/goldens.js';
import type { TensorValues } from './testing/tensors.js';

/** Pictures of each prompt, by the suffix of its tensors. */
const CASES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  llava: { '': ['image.png'], _b: ['image_b.png', 'image_b2.png'] },
  llava_next: { '': ['image.png'] },
  llava_onevision: { '': ['image.png'] },
  idefics3: { '': ['image.png'] },
  smolvlm: { '': ['image.png'] },
  deepseek_vl: { '': ['image.png'] },
  deepseek_vl_hybrid: { '': ['image.png'] },
  internvl: { '': ['image.png'] },
  qwen2_vl: { '': ['image.png'] },
  qwen2_5_vl: { '': ['image.png'] },
  'qwen-vl': { '': ['image.png'] },
  'internlm-xcomposer': { '': ['image.png'] },
  'llava-original': { '': ['../llava_next/image.png'] },
};

describeWithFixtures('vision-language goldens', 'goldens/README.md', () => {
  describe.each(Object.entries(CASES))('%s', (name, prompts) => {
    const folder = fixturesPath(`goldens/${name}`);
    const golden = readGolden(name);
    const ids = promptOf(golden, 'input_ids');
    const options: NodeEngineOptions = {
      model: goldenModel(name),
      dtype: 'float32',
      maxBatchSize: 2,
      maxPrefillTokenNum: ids.length + 8,
      cacheBlockSeqLen: 16,
      sessionLen: 128,
    };
    let engine: Engine;

    beforeAll(async () => {
      engine = await createEngine(options);
    });
    afterAll(() => engine?.dispose());

    it.each(Object.entries(prompts))(
      'prompt%s: the given pixel values give the reference logits',
      async (suffix, files) => {
        const images = pixelValuesOf(golden, suffix, files.length);
        const prompt = promptOf(golden, `input_ids${suffix}`);
        const greedy = idsOf(golden, `greedy_ids${suffix}`);
        const logits = await engine.logits([...prompt, ...greedy], { images, decodeFrom: prompt.length });
        const split = prompt.length * engine.info.vocabSize;
        expect(errorOf(logits.subarray(0, split), floatsOf(golden, `logits${suffix}`))).toBeLessThan(GOLDEN_TOLERANCE);
        expect(errorOf(logits.subarray(split), floatsOf(golden, `forced_logits${suffix}`))).toBeLessThan(
          GOLDEN_TOLERANCE,
        );
      },
    );

    it.each(Object.entries(prompts))('prompt%s: the pictures give the greedy ids', async (suffix, files) => {
      const images = files.map((file) => `${folder}/${file}`);
      const ids = promptOf(golden, `input_ids${suffix}`);
      expect(await generateIds(engine, { kind: 'tokens', ids, images }, 24)).toEqual(
        idsOf(golden, `greedy_ids${suffix}`),
      );
    });

    it('decoded, chunked, batched and cached, logits are the same, in the middle of an image too', async () => {
      for (const { name: way, actual, wanted } of await waysOf(engine, name, ids, pixelValuesOf(golden, '', 1))) {
        expect(errorOf(actual, wanted), way).toBeLessThan(WAYS_TOLERANCE);
      }
    });

    it('halves stay within the error of halves', async () => {
      const halves = await createEngine({ ...options, dtype: 'float16', maxBatchSize: 1 });
      try {
        const logits = await halves.logits(ids, { images: pixelValuesOf(golden, '', 1) });
        expect(rmsError(logits, floatsOf(golden, 'logits'))).toBeLessThan(HALVES_TOLERANCE);
      } finally {
        await halves.dispose();
      }
    });

    it('deterministic and in INT4: the same bits in every way, at what INT4 may cost', async () => {
      const images = pixelValuesOf(golden, '', 1);
      const quantized = await createEngine({ ...options, deterministic: true, quantize: 'int4-g32' });
      try {
        const logits = await quantized.logits(ids, { images });
        const kl = divergence(logits, floatsOf(golden, 'logits'), quantized.info.vocabSize);
        expect(kl).toBeLessThan(INT4_COST);
        expect(kl, 'quantising must cost something, or it did not happen').toBeGreaterThan(1e-3);
        expectSameBits(await waysOf(quantized, name, ids, images));
      } finally {
        await quantized.dispose();
      }
    });
  });

  it('llava: a batch of text and images answers as each alone, and encodes every image once', async () => {
    const folder = fixturesPath('goldens/llava');
    const golden = readGolden('llava');
    const engine = await createEngine({ model: folder, dtype: 'float32', maxBatchSize: 2, sessionLen: 128 });
    try {
      const prompt = (suffix: string, files: readonly string[]): Prompt => ({
        kind: 'tokens',
        ids: idsOf(golden, `input_ids${suffix}`),
        images: files.map((file) => `${folder}/${file}`),
      });
      const text: Prompt = { kind: 'tokens', ids: [1, 5, 9, 23] };
      const one = prompt('', ['image.png']);
      const two = prompt('_b', ['image_b.png', 'image_b2.png']);
      const alone = await generateIds(engine, text, 24);
      const together = [text, one, two, one].map((each) => generateIds(engine, each, 24));
      const greedy = ['greedy_ids', 'greedy_ids_b', 'greedy_ids'].map((name) => idsOf(golden, name));
      expect(await Promise.all(together)).toEqual([alone, ...greedy]);
      expect((await engine.stats()).counters.imagesEncoded).toBe(3);
    } finally {
      await engine.dispose();
    }
  });

  it('qwen2_vl: text beside images, in slots that images had before, turns by its own positions', async () => {
    const folder = fixturesPath('goldens/qwen2_vl');
    const golden = readGolden('qwen2_vl');
    const engine = await createEngine({ model: folder, dtype: 'float32', maxBatchSize: 2, sessionLen: 128 });
    try {
      const text: Prompt = { kind: 'tokens', ids: [1, 5, 9, 23] };
      const ids = idsOf(golden, 'input_ids');
      const image: Prompt = { kind: 'tokens', ids, images: [`${folder}/image.png`] };
      const alone = await generateIds(engine, text, 24);
      const greedy = idsOf(golden, 'greedy_ids');
      const together = [image, text, text, image].map((each) => generateIds(engine, each, 24));
      expect(await Promise.all(together)).toEqual([greedy, alone, alone, greedy]);
    } finally {
      await engine.dispose();
    }
  });
});

/** The stored input of the tower, split into images. */
function pixelValuesOf(
  golden: ReadonlyMap<string, TensorValues>,
  suffix: string,
  numImages: number,
): readonly PromptImage[] {
  const tensor = golden.get(`pixel_values${suffix}`);
  const sizes = golden.get(`image_sizes${suffix}`)?.values;
  const [, rows = 0, cols = 0] = Array.from(golden.get(`image_grid_thw${suffix}`)?.values ?? []);
  const values = tensor?.values as Float32Array<ArrayBuffer>;
  const highRes = golden.get(`high_res_pixel_values${suffix}`)?.values as Float32Array<ArrayBuffer> | undefined;
  const ofImage = (all: Float32Array<ArrayBuffer>, i: number): Float32Array<ArrayBuffer> =>
    all.slice((i * all.length) / numImages, ((i + 1) * all.length) / numImages);
  if (rows > 0) return [{ kind: 'pixel_values', values, numTiles: 1, patches: { rows, cols } }];
  const numTiles = (tensor?.shape.slice(0, -3).reduce((a, b) => a * b, 1) ?? 0) / numImages;
  return Array.from({ length: numImages }, (_, i) => ({
    kind: 'pixel_values' as const,
    values: ofImage(values, i),
    ...(highRes && { highRes: ofImage(highRes, i) }),
    numTiles,
    ...(sizes && { originalSize: { height: sizes[2 * i] ?? 0, width: sizes[2 * i + 1] ?? 0 } }),
  }));
}
