// The KV pool on a device: as many bytes as the plan says, and larger ones that hold what they held.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { create } from 'webgpu';
import { GpuContext } from '../gpu/context.js';
import type { DecoderConfig } from '../models/decoder-config.js';
import { KvCache } from './kv-cache.js';
import { readPages, writePages } from './kv-pages.js';

const MODEL = { numLayers: 3, numKvHeads: 2, headDim: 128 } as DecoderConfig;

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await GpuContext.open(create([]) as unknown as GPU);
});
afterAll(() => gpu.dispose());

it.each([
  ['f32', 4 * 128],
  ['f16', 2 * 128],
  ['int8', 128 + 4],
  ['int4', 64 + 4],
] as const)('in %s takes %i bytes for a key or value', async (kvType, lineBytes) => {
  const before = gpu.allocated.bytes;
  const cache = await KvCache.create(gpu, MODEL, 5, 32, kvType);
  const layerBytes = 5 * 32 * 2 * 2 * lineBytes;
  expect(cache.layers.map(({ size }) => size)).toEqual([layerBytes, layerBytes, layerBytes]);
  expect([gpu.allocated.bytes - before, cache.numBytes]).toEqual([3 * layerBytes, 3 * layerBytes]);
  gpu.release(...cache.layers);
});

it('grows layer by layer, with never more than one of them twice', async () => {
  const before = gpu.allocated.bytes;
  const cache = await KvCache.create(gpu, MODEL, 2, 16, 'f16');
  const written = Uint8Array.from({ length: cache.numBytes }, (_, i) => i % 251);
  writePages(gpu, cache, [0, 1], written);
  const peaks: number[] = [];
  await cache.grow(5, () => peaks.push(gpu.allocated.bytes - before));
  const [small, large] = [2 * cache.pageBytes, 5 * cache.pageBytes];
  // When a layer's buffer is replaced, its old one is still there.
  expect(peaks).toEqual([3 * small + large, 2 * small + 2 * large, small + 3 * large]);
  expect(gpu.allocated.bytes - before).toBe(3 * large);
  expect(await readPages(gpu, cache, [0, 1])).toEqual(written);
  expect((await readPages(gpu, cache, [4])).every((byte) => byte === 0)).toBe(true);
  await cache.grow(5, () => peaks.push(0));
  expect(peaks).toHaveLength(3);
  gpu.release(...cache.layers);
});
