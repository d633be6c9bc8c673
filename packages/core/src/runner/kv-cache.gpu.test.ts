// The KV pool on a device: as many bytes as the plan says.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { create } from 'webgpu';
import { GpuContext } from '../gpu/context.js';
import type { DecoderConfig } from '../models/decoder-config.js';
import { allocateKvCache } from './kv-cache.js';

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
  const model = { numLayers: 3, numKvHeads: 2, headDim: 128 } as DecoderConfig;
  const before = gpu.allocated.bytes;
  const layers = await allocateKvCache(gpu, model, 5, 32, kvType);
  const layerBytes = 5 * 32 * 2 * 2 * lineBytes;
  expect(layers.map(({ size }) => size)).toEqual([layerBytes, layerBytes, layerBytes]);
  expect(gpu.allocated.bytes - before).toBe(3 * layerBytes);
  gpu.release(...layers);
});
