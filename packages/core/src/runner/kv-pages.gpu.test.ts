// Keys and values on their way out of a GPU and back: pages arrive whole and in their places, and their origin has another
// name when anything that they depend on is another.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GpuContext } from '../gpu/context.js';
import type { LoadedWeights } from '../load/weight-loader.js';
import { createNodePlatform } from '../platform/node.js';
import { kvOrigin } from './kv-origin.js';
import { readPages, writePages } from './kv-pages.js';

const platform = createNodePlatform();
let gpu: GpuContext;
beforeAll(async () => {
  gpu = await GpuContext.open(platform.gpu());
});
afterAll(() => gpu.dispose());

function buffer(words: readonly number[]): GPUBuffer {
  const made = gpu.create('test', words.length * 4);
  gpu.queue.writeBuffer(made, 0, new Uint32Array(words));
  return made;
}

/** Weights whose matrix and vectors hold these words. */
function weightsOf(...contents: readonly (readonly number[])[]): LoadedWeights {
  const [matrix = [], ...vectors] = contents;
  return {
    matrices: new Map([['m', { planes: { weight: buffer(matrix) } }]]),
    vectors: new Map(vectors.map((words, i) => [`v${i}`, { buffer: buffer(words), length: words.length }])),
  } as unknown as LoadedWeights;
}

it('reads pages of all layers side by side, and writes them elsewhere', async () => {
  const pageBytes = 8;
  // Page p of layer l holds 10 l + p twice.
  const pool = [1, 2, 3].map((layer) => buffer([0, 1, 2, 3].flatMap((page) => [10 * layer + page, 10 * layer + page])));
  const from = { layers: pool, pageBytes };
  const bytes = await readPages(gpu, from, [3, 1]);
  expect([...new Uint32Array(bytes.buffer)]).toEqual([13, 13, 23, 23, 33, 33, 11, 11, 21, 21, 31, 31]);

  const to = { layers: [1, 2, 3].map(() => buffer([0, 0, 0, 0, 0, 0, 0, 0])), pageBytes };
  writePages(gpu, to, [0, 2], bytes);
  expect(await readPages(gpu, to, [0, 2])).toEqual(bytes);
  expect(await readPages(gpu, to, [1, 3])).toEqual(new Uint8Array(48));
});

it('names the origin of keys and values', async () => {
  const words = Array.from({ length: 5000 }, (_, i) => i);
  const facts = { dtype: 'f16' };
  const wanted = await kvOrigin(gpu, weightsOf(words, [1, 2, 3, 4]), facts);
  expect(wanted).toMatch(/^[0-9a-f]{64}$/);
  expect(await kvOrigin(gpu, weightsOf(words, [1, 2, 3, 4]), { ...facts })).toBe(wanted);
  const others = await Promise.all([
    kvOrigin(gpu, weightsOf(words, [1, 2, 3, 4]), { dtype: 'f32' }),
    kvOrigin(gpu, weightsOf(words.with(4321, 0), [1, 2, 3, 4]), facts),
    kvOrigin(gpu, weightsOf(words.with(0, 1).with(1, 0), [1, 2, 3, 4]), facts),
    kvOrigin(gpu, weightsOf(words, [1, 2, 3, 5]), facts),
    kvOrigin(gpu, weightsOf(words, [1, 2, 3, 4], [0, 0, 0, 0]), facts),
  ]);
  expect(new Set([wanted, ...others]).size).toBe(6);
});
