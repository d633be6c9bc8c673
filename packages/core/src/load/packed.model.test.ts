// Checkpoints that are converted and loaded again: what the engine computes must not differ in a single bit.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { EngineOptions } from '../config.js';
import type { LogitsOptions } from '../engine/core.js';
import { convertModel, createEngine, type PromptImage } from '../node.js';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { goldenModel } from '../testing/golden-model.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, idsOf, promptOf, readGolden } from '../testing/goldens.js';
import { readTensors } from '../testing/tensors.js';

const folder = mkdtempSync(join(tmpdir(), 'pagemind-packed-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SIZES = { maxBatchSize: 1, sessionLen: 128 } as const;

async function logitsOf(
  model: string,
  ids: readonly number[],
  options: EngineOptions = {},
  images: LogitsOptions = {},
): Promise<Float32Array> {
  const engine = await createEngine({ model, ...SIZES, ...options });
  try {
    return await engine.logits(ids, images);
  } finally {
    await engine.dispose();
  }
}

/** Root of the mean square of the difference over the standard deviation of `wanted`. */
function spreadOf(actual: Float32Array, wanted: Float32Array): number {
  const mean = wanted.reduce((sum, value) => sum + value, 0) / wanted.length;
  const [error, variance] = [actual, wanted.map(() => mean)].map((other) =>
    wanted.reduce((sum, value, i) => sum + (value - (other[i] ?? Number.NaN)) ** 2, 0),
  ) as [number, number];
  return Math.sqrt(error / variance);
}

describeWithFixtures('a packed decoder', 'fixtures/models/tinystories-656k', (model) => {
  // A sentence of the model's own, so that its weights are used as they were trained.
  const { prompts } = JSON.parse(readFileSync(`${model}/golden.json`, 'utf8'));
  const ids: readonly number[] = [...prompts[0].input_ids, ...prompts[0].greedy_ids].slice(0, 48);
  let stored: Float32Array;

  it('as it is stored gives the same logits as its original', async () => {
    const packed = join(folder, 'stored');
    await convertModel(model, packed);
    stored = await logitsOf(model, ids);
    expect(await logitsOf(packed, ids)).toEqual(stored);
  });

  it('in int4 and several files gives the same logits as its original', async () => {
    const packed = join(folder, 'int4');
    const { files } = await convertModel(model, packed, { quantize: 'int4-g64', maxShardBytes: 2 ** 18 });
    const shards = files.filter(({ path }) => path.endsWith('.safetensors'));
    expect(shards.length).toBeGreaterThan(4);
    expect(Math.max(...shards.map(({ bytes }) => bytes))).toBeLessThanOrEqual(2 ** 18);
    expect(await logitsOf(packed, ids)).toEqual(await logitsOf(model, ids, { quantize: 'int4-g64' }));
  });

  it('with an int4 table, which is its head too, stays close to what is stored', async () => {
    const packed = join(folder, 'int4-table');
    const options = { quantizeEmbeddings: 'int4-g32' };
    const { sourceBytes, weightBytes } = await convertModel(model, packed, options);
    expect(weightBytes / sourceBytes).toBeLessThan(0.72);
    const logits = await logitsOf(packed, ids);
    const error = spreadOf(logits, stored);
    expect(error).toBeGreaterThan(GOLDEN_TOLERANCE);
    expect(error).toBeLessThan(0.12);
  });

  it('refuses to be quantised otherwise', async () => {
    await expect(logitsOf(join(folder, 'int4'), ids, { quantize: 'int4-g32' })).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringMatching(/int4-g64.*int4-g32/),
    });
  });
});

describeWithFixtures('a packed vision-language model', 'goldens/llava', (model) => {
  const golden = readTensors(readFileSync(`${model}/golden.safetensors`));
  const ids = idsOf(golden, 'input_ids');
  const values = floatsOf(golden, 'pixel_values') as Float32Array<ArrayBuffer>;
  const images: readonly PromptImage[] = [{ kind: 'pixel_values', values, numTiles: 1 }];

  it('gives the reference logits', async () => {
    const packed = join(folder, 'llava');
    await convertModel(model, packed);
    const logits = await logitsOf(packed, ids, { dtype: 'float32' }, { images });
    expect(errorOf(logits, floatsOf(golden, 'logits'))).toBeLessThan(GOLDEN_TOLERANCE);
    expect(logits).toEqual(await logitsOf(model, ids, { dtype: 'float32' }, { images }));
  });

  it('with an int4 tower gives the same logits as its original, close to the reference', async () => {
    const packed = join(folder, 'llava-int4');
    const options = { quantizeVision: 'int4-g32' };
    await convertModel(model, packed, options);
    const logits = await logitsOf(packed, ids, {}, { images });
    expect(logits).toEqual(await logitsOf(model, ids, options, { images }));
    const error = spreadOf(logits, floatsOf(golden, 'logits'));
    expect(error).toBeGreaterThan(GOLDEN_TOLERANCE);
    expect(error).toBeLessThan(0.15);
  });
});

describeWithFixtures('a packed model whose files say more than config.json', 'goldens/README.md', () => {
  it.each([
    ['that is stored transposed and stretched', 'qwen-vl', 'image.png'],
    ['with a tower that a folder describes', 'llava-original', '../llava_next/image.png'],
    ['with two towers', 'deepseek_vl_hybrid', 'image.png'],
    ['with adapters and rows around an image', 'internlm-xcomposer', 'image.png'],
  ])('gives the reference logits, %s', async (_what, name, picture) => {
    const model = fixturesPath(`goldens/${name}`);
    const golden = readGolden(name);
    const packed = join(folder, name);
    await convertModel(goldenModel(name), packed);
    const images = { images: [join(model, picture)] };
    const logits = await logitsOf(packed, promptOf(golden, 'input_ids'), { dtype: 'float32' }, images);
    expect(errorOf(logits, floatsOf(golden, 'logits'))).toBeLessThan(GOLDEN_TOLERANCE);
  });
});
