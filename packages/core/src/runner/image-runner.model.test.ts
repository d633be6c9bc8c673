// The features of images against the reference implementations, before the decoder sees them.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assembleVision } from '../assemble-vision.js';
import { GpuContext } from '../gpu/context.js';
import { BufferUsage, MAP_READ } from '../gpu/usage.js';
import { rowStride } from '../layers/context.js';
import type { TensorData } from '../load/safetensors-writer.js';
import type { ModelSource } from '../load/source.js';
import { loadWeights } from '../load/weight-loader.js';
import { openModel, resolveModel } from '../models/model.js';
import { EXTRA_ROWS, ImageEncoder } from '../models/vlm/projector.js';
import { createNodePlatform } from '../platform/node.js';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { goldenModel } from '../testing/golden-model.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE } from '../testing/goldens.js';
import { llavaOriginal } from '../testing/original-layouts.js';
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

describeWithFixtures('projectors of LLaVA’s authors, behind a tower in a folder', 'goldens/README.md', () => {
  const [width, hidden] = [48, 64];
  const images = [fixturesPath('goldens/llava/image.png')];
  /** Numbers that f16 holds, from -1 to 1. */
  const numbers = (length: number, step: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => (((i + 1) * step) % 129) / 64 - 1);
  const tensor = (shape: readonly number[], values: Float32Array): TensorData => ({
    ...{ dtype: 'F32', shape, data: new Uint8Array(values.buffer) },
  });

  it('are one linear layer, or two with norms behind them', async () => {
    const identity = Float32Array.from({ length: hidden * width }, (_, i) =>
      i % width === Math.floor(i / width) ? 1 : 0,
    );
    const linear = llavaOriginal('linear', {
      'model.mm_projector.weight': tensor([hidden, width], identity),
      'model.mm_projector.bias': tensor([hidden], new Float32Array(hidden)),
    });
    const rows = await featuresOf(linear, images, 2048);
    expect(rows.every((value, i) => i % hidden < width || value === 0)).toBe(true);

    const [first, second] = [numbers(hidden * width, 37), numbers(hidden * hidden, 53)];
    const [bias1, gamma1, beta1] = [numbers(hidden, 17), numbers(hidden, 29), numbers(hidden, 41)];
    const [bias2, gamma2, beta2] = [numbers(hidden, 61), numbers(hidden, 71), numbers(hidden, 83)];
    const normed = llavaOriginal('mlp2x_gelu_Norm', {
      'model.mm_projector.0.weight': tensor([hidden, width], first),
      'model.mm_projector.0.bias': tensor([hidden], bias1),
      'model.mm_projector.1.weight': tensor([hidden], gamma1),
      'model.mm_projector.1.bias': tensor([hidden], beta1),
      'model.mm_projector.3.weight': tensor([hidden, hidden], second),
      'model.mm_projector.3.bias': tensor([hidden], bias2),
      'model.mm_projector.4.weight': tensor([hidden], gamma2),
      'model.mm_projector.4.bias': tensor([hidden], beta2),
    });
    const expected = Array.from({ length: rows.length / hidden }, (_, row) => {
      const x = [...rows.subarray(row * hidden, row * hidden + width)];
      const between = norm(product(first, x, bias1), gamma1, beta1).map(gelu);
      return norm(product(second, between, bias2), gamma2, beta2);
    });
    const features = await featuresOf(normed, images, 2048);
    expect(errorOf(features, Float32Array.from(expected.flat()))).toBeLessThan(GOLDEN_TOLERANCE);
  });
});

/** `weight` is `[bias.length, x.length]`. */
function product(weight: Float32Array, x: readonly number[], bias: Float32Array): number[] {
  return Array.from(bias, (sum, row) => x.reduce((all, v, i) => all + v * (weight[row * x.length + i] ?? 0), sum));
}

function norm(x: readonly number[], gamma: Float32Array, beta: Float32Array): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * (gamma[i] ?? 0) + (beta[i] ?? 0));
}

/** With the power series of the error function. */
function gelu(x: number): number {
  let [sum, term] = [0, x / Math.SQRT2];
  for (let n = 0; n < 100; n++) {
    sum += term / (2 * n + 1);
    term *= -(x * x) / 2 / (n + 1);
  }
  return (x * (1 + (2 / Math.sqrt(Math.PI)) * sum)) / 2;
}

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
