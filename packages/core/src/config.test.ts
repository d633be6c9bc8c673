// What options become. The memory series is the one that LMDeploy's users know: an InternLM2-1.8B on an 8 GB card.
import { PORTABLE_LIMITS } from '@pagemind/kernels-wgsl';
import { describe, expect, it } from 'vitest';
import { type ByteCounts, type EngineConfig, type EngineOptions, resolveConfig } from './config.js';
import type { DecoderConfig } from './models/decoder-config.js';

const MIB = 2 ** 20;
const MODEL = { numLayers: 24, numKvHeads: 8, headDim: 128, maxPositions: 32768 } as DecoderConfig;
const PROFILE = {
  vendor: '',
  architecture: '',
  isCpu: false,
  features: [],
  subgroupMinSize: 0,
  subgroupMaxSize: 0,
  limits: { ...PORTABLE_LIMITS, maxBufferSize: 2 ** 32, maxStorageBufferBindingSize: 2 ** 32 },
} as const;
/** MiB that were measured: weights with the runtime in f16 and in W4A16, and what was allocated after the pool. */
const [F16_WEIGHTS, INT4_WEIGHTS, OTHERS] = [4010, 1899, 510];
const BYTES: ByteCounts = {
  weights: ({ decoder }) => (decoder ? INT4_WEIGHTS : F16_WEIGHTS) * MIB,
  activations: () => OTHERS * MIB,
  images: () => 0,
};

function resolve(options: EngineOptions, bytes: ByteCounts = BYTES): EngineConfig {
  const given = { memoryBudget: 8180 * MIB, cacheBlockSeqLen: 64, sessionLen: 8192, maxBatchSize: 32, ...options };
  return resolveConfig(given, MODEL, PROFILE, bytes, false);
}

describe('speculation', () => {
  it('is off, and guesses four tokens by three when it is on', () => {
    expect(resolve({}).speculative).toBeUndefined();
    const wanted = { method: 'ngram', numSpeculativeTokens: 4, maxNgram: 3 };
    expect(resolve({ speculative: { method: 'ngram' } }).speculative).toEqual(wanted);
    const given = { method: 'ngram', numSpeculativeTokens: 7, maxNgram: 1 } as const;
    expect(resolve({ speculative: given }).speculative).toEqual(given);
  });

  it.each([
    ['method', { method: 'eagle' }, /speculative\.method is "eagle"/],
    ['method', 'ngram', /speculative\.method is undefined/],
    ['method', null, /speculative\.method is undefined/],
    ['number', { method: 'ngram', numSpeculativeTokens: 8 }, /speculative\.numSpeculativeTokens is 8/],
    ['number', { method: 'ngram', numSpeculativeTokens: 0 }, /speculative\.numSpeculativeTokens is 0/],
    ['length', { method: 'ngram', maxNgram: 1.5 }, /speculative\.maxNgram is 1.5/],
  ])('refuses a %s that it does not know: %j', (_, speculative, message) => {
    expect(() => resolve({ speculative } as unknown as EngineOptions)).toThrow(message);
  });
});

describe('the memory plan', () => {
  it.each([
    [0.8, undefined, 7856],
    [0.5, undefined, 6608],
    [0.4, undefined, 6184],
    [0.01, undefined, 4560],
    [0.01, 'int4-g128', 2472],
  ])('with a share of %d and weights %s takes what LMDeploy took, %d MiB', (share, quantize, measured) => {
    const { memory } = resolve({ cacheMaxEntryCount: share, ...(quantize && { quantize }) });
    expect(Math.abs(memory.totalBytes / MIB / measured - 1)).toBeLessThan(0.01);
    expect(memory.totalBytes).toBe(memory.weightBytes + memory.kvBytes + memory.activationBytes);
  });

  it('buys as many blocks with the smallest share as LMDeploy does', () => {
    expect(resolve({ cacheMaxEntryCount: 0.01 }).numBlocks).toBe(6);
    expect(resolve({ cacheMaxEntryCount: 0.01, quantize: 'int4-g128' }).numBlocks).toBe(10);
  });

  it('grows by the same number of bytes with every share', () => {
    const kv = [0.2, 0.4, 0.6, 0.8].map((share) => resolve({ cacheMaxEntryCount: share }).memory.kvBytes);
    const blockBytes = 64 * 96 * 1024;
    for (const [i, bytes] of kv.entries()) {
      expect(Math.abs(bytes - (i + 1) * 0.2 * (8180 - F16_WEIGHTS) * MIB)).toBeLessThanOrEqual(blockBytes);
    }
  });

  it('never exceeds the budget, whatever the share', () => {
    const large = { ...BYTES, activations: () => 1000 * MIB, images: () => 1000 * MIB };
    const { memory } = resolve({ cacheMaxEntryCount: 0.99 }, large);
    expect(memory.totalBytes).toBeLessThanOrEqual(memory.budgetBytes);
    expect(memory.totalBytes).toBeGreaterThan(0.99 * memory.budgetBytes);
  });

  it('takes a number of blocks as it is, up to what the sessions can use', () => {
    expect(resolve({ cacheMaxEntryCount: 17 }).numBlocks).toBe(17);
    expect(resolve({ cacheMaxEntryCount: 1000, sessionLen: 640, maxBatchSize: 2 }).numBlocks).toBe(20);
  });

  it('refuses a budget without room for a block', () => {
    expect(() => resolve({ memoryBudget: (F16_WEIGHTS + 1) * MIB })).toThrow(
      expect.objectContaining({ code: 'out_of_memory' }),
    );
  });
});

describe('options', () => {
  it.each([
    ['cacheMaxEntryCount', 0],
    ['cacheMaxEntryCount', -1],
    ['cacheBlockSeqLen', 48],
    ['maxBatchSize', 1.5],
    ['memoryBudget', Number.NaN],
    ['deterministic', 'yes'],
    ['enablePrefixCaching', 1],
    ['quantize', 'int3'],
    ['dtype', 'bf16'],
    ['tp', 2],
  ])('refuses %s = %s by name', (name, value) => {
    expect(() => resolve({ [name]: value } as EngineOptions)).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(name) }),
    );
  });
});
