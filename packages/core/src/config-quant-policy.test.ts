// quantPolicy among the options: how keys and values are stored, what that is planned to cost, and what is refused.
import { PORTABLE_LIMITS } from '@pagemind/kernels-wgsl';
import { describe, expect, it } from 'vitest';
import { type EngineConfig, type EngineOptions, resolveConfig } from './config.js';
import type { DecoderConfig } from './models/decoder-config.js';

const MODEL = { numLayers: 3, numKvHeads: 8, headDim: 128, maxPositions: 4096 } as DecoderConfig;
const PROFILE = {
  vendor: '',
  architecture: '',
  isCpu: false,
  features: [],
  subgroupMinSize: 0,
  subgroupMaxSize: 0,
  limits: PORTABLE_LIMITS,
};
const BYTES = { weights: () => 1 << 20, activations: () => 1 << 20, images: () => 0 };

function resolve(options: EngineOptions, { model = MODEL, isFloat32 = false } = {}): EngineConfig {
  return resolveConfig(options, model, PROFILE, BYTES, isFloat32);
}

describe('quantPolicy', () => {
  it.each([
    [{}, 'f16'],
    [{ quantPolicy: 0, dtype: 'float32' }, 'f32'],
    [{ quantPolicy: 8 }, 'int8'],
    [{ quantPolicy: 4 }, 'int4'],
    [{ quantPolicy: 4, dtype: 'float32' }, 'int4'],
  ] as const)('%j stores %s', (options, kvDtype) => {
    expect(resolve(options).kvDtype).toBe(kvDtype);
  });

  it.each([
    [128, 0, 256],
    [128, 8, 132], // 0.516 of it
    [128, 4, 68], // 0.266
    [80, 8, 84],
    [80, 4, 44],
    [20, 4, 16], // whole words to a line
  ] as const)('heads of %i take in %i bits %i bytes a key or value', (headDim, quantPolicy, lineBytes) => {
    const { memory } = resolve({ cacheMaxEntryCount: 7, quantPolicy }, { model: { ...MODEL, headDim } });
    expect(memory.kvBytes).toBe(7 * 32 * MODEL.numLayers * MODEL.numKvHeads * 2 * lineBytes);
  });

  it.each([
    [8, 1.939],
    [4, 3.764],
  ] as const)('%i bits find room for %f times the blocks', (quantPolicy, times) => {
    const options = { memoryBudget: 256 * 2 ** 20, maxBatchSize: 64 } as const;
    const blocks = (more: EngineOptions) => resolve({ ...options, ...more }).numBlocks;
    expect(blocks({ quantPolicy }) / blocks({})).toBeCloseTo(times, 2);
  });

  it.each([1, 16, '8', Number.NaN, {}])('is not %j', (quantPolicy) => {
    const options = { quantPolicy } as unknown as EngineOptions;
    expect(() => resolve(options)).toThrow(expect.objectContaining({ code: 'invalid_option' }));
  });
});
