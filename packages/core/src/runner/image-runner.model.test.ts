// The features of images against the reference implementations, before the decoder sees them.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assembleVision } from '../assemble-vision.js';
import { GpuContext } from '../gpu/context.js';
import { BufferUsage, MAP_READ } from '../gpu/usage.js';
import { rowStride } from '../layers/context.js';
import type { ModelSource } from '../load/source.js';
import { loadWeights } from '../load/weight-loader.js';
import { openModel, resolveModel } from '../models/model.js';
import { EXTRA_ROWS, ImageEncoder } from '../models/vlm/projector.js';
import { createNodePlatform } from '../platform/node.js';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { goldenModel } from '../testing/golden-model.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE } from '../testing/goldens.js';
import { readTensors } from '../testing/tensors.js';
import { allocateImageBuffers } from './image-buffers.js';
import { ImageRunner } from './image-runner.js';

const CASES: readonly (readonly [name: string, suffix: string, files: readonly string[]])[] = [
  ['llava', '', ['image.png']],
  ['llava', '_b', ['image_b.png', 'image_b2.png']],
  ['llava_next', '', ['image.png']],
  ['llava_onevision', '', ['image.png']],
  ['idefics3', '', ['image.png']],
  ['smolvlm', '', ['image.png']],
  ['deepseek_vl', '', ['image.png']],
  ['deepseek_vl_hybrid', '', ['image.png']],
  ['internvl', '', ['image.png']],
  ['qwen2_vl', '', ['image.png']],
  ['qwen2_5_vl', '', ['image.png']],
  ['qwen-vl', '', ['image.png']],
  ['internlm-xcomposer', '', ['image.png']],
  ['llava-original', '', ['../llava_next/image.png']],
];

describeWithFixtures('image features', 'goldens/README.md', () => {
  describe.each(CASES)('%s%s', (name, suffix, files) => {
    it('are those of the reference, from the pictures on', async () => {
      const folder = fixturesPath(`goldens/${name}`);
      const golden = readTensors(readFileSync(`${folder}/golden.safetensors`));
      // Images in their own shape may be large: here their layers go one by one.
      const maxRowsAtOnce = name.startsWith('qwen') ? 8 : 2048;
      const features = await featuresOf(
        goldenModel(name),
        files.map((file) => `${folder}/${file}`),
        maxRowsAtOnce,
      );
      expect(errorOf(features, floatsOf(golden, `image_features${suffix}`))).toBeLessThan(GOLDEN_TOLERANCE);
    });
  });
});

/** Rows of all images, one after the other, `[numRows, hidden]`. */
async function featuresOf(source: ModelSource, files: readonly string[], maxRowsAtOnce: number): Promise<Float32Array> {
  const platform = createNodePlatform();
  const gpu = await GpuContext.open(platform.gpu());
  try {
    const checkpoint = await openModel(source);
    const { vision, specs, decoder, ...plan } = resolveModel(checkpoint);
    if (!vision) throw new Error('no vision');
    const reader = await assembleVision(checkpoint, vision, platform.images, undefined);
    const weights = await loadWeights(gpu, plan.checkpoint, specs, {}, { ignored: plan.isIgnored });
    const buffers = await allocateImageBuffers(gpu, vision, 0, 512);
    const encoder = new ImageEncoder(vision, weights);
    const extraRows = weights.vectors.get(EXTRA_ROWS);
    const runner = new ImageRunner({ gpu, encoder, extraRows, buffers, maxRowsAtOnce });

    const images = await Promise.all(files.map((file) => reader.read(file, files.length, undefined)));
    const numRows = images.reduce((sum, { placement }) => sum + placement.numRows, 0);
    const stride = rowStride(decoder.hiddenSize);
    const rows = gpu.create('rows', numRows * stride * 4);
    const staging = gpu.create('staging', numRows * stride * 4, BufferUsage.mapRead | BufferUsage.copyDst);
    let first = 0;
    for (const image of images) {
      const { numRows: count } = image.placement;
      // In two parts, as a chunked prompt takes them; the second finds the image in the cache.
      const half = Math.ceil(count / 2);
      runner.place({ image, firstFeature: 0, firstToken: 0, numRows: half }, first, rows);
      runner.place({ image, firstFeature: half, firstToken: 0, numRows: count - half }, first + half, rows);
      first += count;
    }
    expect(runner.numEncoded).toBe(images.length);
    gpu.submit([], (encode) => encode.copyBufferToBuffer(rows, 0, staging, 0, staging.size));
    await staging.mapAsync(MAP_READ);
    const padded = new Float32Array(staging.getMappedRange());
    const features = new Float32Array(numRows * decoder.hiddenSize);
    for (let row = 0; row < numRows; row++) {
      features.set(padded.subarray(row * stride, row * stride + decoder.hiddenSize), row * decoder.hiddenSize);
    }
    return features;
  } finally {
    gpu.dispose();
  }
}
