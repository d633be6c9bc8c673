// Options + config.json + device → one frozen EngineConfig, by a pure function. Names and defaults follow LMDeploy in
// camelCase; docs/decisions/002 says where a page needs another default.
import { type DeviceProfile, type KvType, kvPageBytes } from '@pagemind/kernels-wgsl';
import type { WeightFormatOptions } from '@pagemind/quant';
import { PagemindError } from './errors.js';
import { MAX_MATVEC_ROWS } from './layers/linear.js';
import { MAX_STEPS_PER_SUBMIT } from './layers/sampler.js';
import type { WeightGroup, WeightPolicy } from './load/weights.js';
import type { DecoderConfig } from './models/decoder-config.js';

/** Formats of checkpoints, as LMDeploy names them. */
export type ModelFormat = 'hf' | 'awq' | 'gptq';

/** How tokens are guessed; LMDeploy's `SpeculativeConfig` in camelCase. */
export interface SpeculativeOptions {
  /** `ngram`: what followed the last tokens the last time. Needs no second model. */
  readonly method: 'ngram';
  /** Tokens to guess at once, 1 to 7. Default 4. */
  readonly numSpeculativeTokens?: number;
  /** Tokens to look up, at most; 1 to 8. Default 3. */
  readonly maxNgram?: number;
}

/** How to run a model; everything has a default. */
export interface EngineOptions {
  /**
   * How the weights are quantised is seen from the files. `hf` (default) takes whatever the hub stores; `awq` and `gptq` insist
   * on theirs, and anything else is an error.
   */
  readonly modelFormat?: ModelFormat;
  /**
   * Format of the decoder's linears, converted while loading: `int4-g32`, `int4-g64`, `int4-g128`, `f16` or `bf16`. Default:
   * as they are stored.
   */
  readonly quantize?: string;
  /** The same for the embedding table and the head. */
  readonly quantizeEmbeddings?: string;
  /** The same for the linears of the vision tower and projector. */
  readonly quantizeVision?: string;
  /** Storage of K and V unless `quantPolicy` says otherwise: `auto` takes f32 for float32 checkpoints and f16 for others. */
  readonly dtype?: 'auto' | 'float16' | 'float32';
  /** Longest sequence in tokens, prompt and answer. Default: what the model was trained for, at most 4096. */
  readonly sessionLen?: number;
  /** Sequences that run at once. Default 8. */
  readonly maxBatchSize?: number;
  /** Below 1: share of (memoryBudget − weights) for the KV pool; from 1: number of blocks. Default 0.8. */
  readonly cacheMaxEntryCount?: number;
  /** Tokens per KV block: 16, 32, 64, 128 or 256. Default 32. */
  readonly cacheBlockSeqLen?: number;
  /** Requests that begin alike share the KV blocks of their start, also after the first has ended. Default true. */
  readonly enablePrefixCaching?: boolean;
  /**
   * Logits of a sequence have the same bits whatever is computed beside it, however its prompt is cut into chunks, whether
   * its start came from the prefix cache, and after a preemption. Slower: every step takes the same few kernels. Default
   * false.
   */
  readonly deterministic?: boolean;
  /** Let several tokens be guessed and verified in one step; they stay the same tokens. Default: off. */
  readonly speculative?: SpeculativeOptions;
  /** Most tokens of one step. Default 512. */
  readonly maxPrefillTokenNum?: number;
  /**
   * Models with dynamic NTK (`rope_scaling: dynamic`), past the length they were trained for: `frozen` (the default, and
   * LMDeploy's way) keeps the rotary base of the prompt's length; `recompute` computes the whole sequence anew for every
   * token, as the models' authors do, which is exact and slow.
   */
  readonly dynamicRope?: 'frozen' | 'recompute';
  /**
   * Steps that may be submitted before the ids of the oldest have arrived, 1 to 4: the GPU then never waits for this thread.
   * Answers are the same with any. Default 3.
   */
  readonly maxStepsInFlight?: number;
  /** Requests that may wait before `queue_full`. Default 64. */
  readonly maxQueueLen?: number;
  /** Bytes of GPU memory to plan with. Default 4 GiB, 2 GiB on a software adapter. */
  readonly memoryBudget?: number;
  /** Bytes of encoded images to keep, for prompts that show them again. Default 32 MiB; one image always fits. */
  readonly imageCacheBytes?: number;
  /**
   * Bits of K and V in the cache: 8 or 4, quantised as they are written, per token and head; 0 keeps floats. Default 0.
   */
  readonly quantPolicy?: 0 | 4 | 8;
  /** GPUs; a page has one. */
  readonly tp?: 1;
}

/** Bytes that a configuration will take, before anything is allocated. */
export interface MemoryPlan {
  readonly budgetBytes: number;
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly activationBytes: number;
  /** Encoding images, and the cache of encoded ones; 0 for models that take none. */
  readonly imageBytes: number;
  /** All of it; at most the budget. */
  readonly totalBytes: number;
}

/** Bytes that depend on what is decided here. */
export interface ByteCounts {
  /** Of the weights on the device, in the given formats. */
  readonly weights: (policy: WeightPolicy) => number;
  readonly activations: (maxRows: number, maxBatchSize: number, sessionLen: number, blockSize: number) => number;
  readonly images: (maxRows: number, cacheBytes: number) => number;
}

/** Everything decided; frozen. */
export interface EngineConfig {
  readonly weightPolicy: WeightPolicy;
  readonly kvDtype: KvType;
  readonly sessionLen: number;
  readonly maxBatchSize: number;
  readonly numBlocks: number;
  /** Blocks that the pool begins with; it grows while it is used. */
  readonly firstBlocks: number;
  readonly blockSize: number;
  readonly maxPrefillTokenNum: number;
  readonly maxStepsInFlight: number;
  readonly maxQueueLen: number;
  readonly enablePrefixCaching: boolean;
  readonly dynamicRope: 'frozen' | 'recompute';
  readonly maxStepsPerSubmit: number;
  readonly deterministic: boolean;
  /** Missing: tokens come one by one. */
  readonly speculative: Required<SpeculativeOptions> | undefined;
  readonly imageCacheBytes: number;
  readonly memory: MemoryPlan;
}

const DEFAULT_SESSION_LEN = 4096;
const DEFAULT_IMAGE_CACHE = 32 * 2 ** 20;
const GIB = 2 ** 30;
/** Tokens that the KV pool has room for at first. */
const FIRST_TOKENS = 4096;

/**
 * @param isFloat32 whether the checkpoint stores float32
 * @throws PagemindError `invalid_option` naming the option; `out_of_memory` when weights and one sequence do not fit the
 * budget.
 */
export function resolveConfig(
  options: EngineOptions,
  model: DecoderConfig,
  profile: DeviceProfile,
  bytesOf: ByteCounts,
  isFloat32: boolean,
): EngineConfig {
  const count = (name: keyof EngineOptions, fallback: number, low: number, high: number): number => {
    return checkCount(name, options[name] ?? fallback, low, high);
  };
  if (options.tp !== undefined && options.tp !== 1) throw invalidOption('tp', options.tp, '1: a page has one GPU');
  if (!['hf', 'awq', 'gptq'].includes(options.modelFormat ?? 'hf')) {
    throw invalidOption('modelFormat', options.modelFormat, "'hf', 'awq' or 'gptq'");
  }
  const flag = (name: keyof EngineOptions, fallback: boolean): boolean => {
    const value = options[name] ?? fallback;
    if (typeof value === 'boolean') return value;
    throw invalidOption(name, value, 'true or false');
  };
  const enablePrefixCaching = flag('enablePrefixCaching', true);
  const deterministic = flag('deterministic', false);
  const dynamicRope = options.dynamicRope ?? 'frozen';
  if (dynamicRope !== 'frozen' && dynamicRope !== 'recompute') {
    throw invalidOption('dynamicRope', dynamicRope, "'frozen' or 'recompute'");
  }

  const kvDtype = resolveKvDtype(options, isFloat32);
  const blockSize = count('cacheBlockSeqLen', 32, 16, 256);
  if (Math.log2(blockSize) % 1 !== 0) throw invalidOption('cacheBlockSeqLen', blockSize, '16, 32, 64, 128 or 256');
  const maxSessionLen = model.hasLearnedPositions ? model.maxPositions : 2 ** 20;
  const sessionLen = count('sessionLen', Math.min(model.maxPositions, DEFAULT_SESSION_LEN), 1, maxSessionLen);
  const maxBatchSize = count('maxBatchSize', 8, 1, 256);
  const maxPrefillTokenNum = count('maxPrefillTokenNum', 512, 1, 8192);

  const budgetBytes = options.memoryBudget ?? (profile.isCpu ? 2 * GIB : 4 * GIB);
  if (!(budgetBytes > 0)) throw invalidOption('memoryBudget', budgetBytes, 'a number of bytes');
  const weightPolicy = resolveWeightPolicy(options);
  const weightBytes = bytesOf.weights(weightPolicy);
  const maxRows = Math.max(maxPrefillTokenNum, maxBatchSize);
  const activationBytes = bytesOf.activations(maxRows, maxBatchSize, sessionLen, blockSize);
  const imageCacheBytes = count('imageCacheBytes', DEFAULT_IMAGE_CACHE, 0, 2 ** 31);
  const imageBytes = bytesOf.images(maxRows, imageCacheBytes);
  const { numKvHeads, headDim } = model;
  const perPage = kvPageBytes({ kvType: kvDtype, headDim, numKvHeads, pageSize: blockSize });
  const blocksOfSession = Math.ceil(sessionLen / blockSize);
  const numBlocks = resolveNumBlocks(options.cacheMaxEntryCount ?? 0.8, {
    freeBytes: budgetBytes - weightBytes,
    reservedBytes: activationBytes + imageBytes,
    blockBytes: perPage * model.numLayers,
    most: Math.min(
      blocksOfSession * maxBatchSize,
      Math.floor(Math.min(profile.limits.maxStorageBufferBindingSize, profile.limits.maxBufferSize) / perPage),
    ),
  });
  const kvBytes = numBlocks * perPage * model.numLayers;
  return Object.freeze({
    weightPolicy,
    kvDtype,
    sessionLen,
    maxBatchSize,
    numBlocks,
    firstBlocks: Math.min(numBlocks, Math.ceil(FIRST_TOKENS / blockSize)),
    blockSize,
    maxPrefillTokenNum,
    maxStepsInFlight: count('maxStepsInFlight', 3, 1, 4),
    maxQueueLen: count('maxQueueLen', 64, 0, 1 << 20),
    enablePrefixCaching,
    // Steps in a row take kernels of their own, and outrun what proposes tokens, which has to know the ids.
    maxStepsPerSubmit: deterministic || options.speculative ? 1 : MAX_STEPS_PER_SUBMIT,
    deterministic,
    speculative: resolveSpeculative(options.speculative),
    dynamicRope,
    imageCacheBytes,
    memory: Object.freeze({
      budgetBytes,
      weightBytes,
      kvBytes,
      activationBytes,
      imageBytes,
      totalBytes: weightBytes + kvBytes + activationBytes + imageBytes,
    }),
  });
}

/** Options that choose formats of weights, by what they are for. */
const QUANTIZE_OPTIONS = { decoder: 'quantize', embedding: 'quantizeEmbeddings', vision: 'quantizeVision' } as const;

/** The options that say how weights are stored on the device. */
export type QuantizeOptions = Pick<EngineOptions, (typeof QUANTIZE_OPTIONS)[WeightGroup]>;

/**
 * What weights become while loading.
 * @throws PagemindError `invalid_option`.
 */
export function resolveWeightPolicy(options: QuantizeOptions): WeightPolicy {
  const policy: Partial<Record<WeightGroup, WeightFormatOptions>> = {};
  for (const [group, name] of Object.entries(QUANTIZE_OPTIONS) as [WeightGroup, keyof QuantizeOptions][]) {
    const format = options[name];
    if (format !== undefined) policy[group] = parseFormat(name, format);
  }
  return policy;
}

/** Reads `int4-g64` and the like. */
function parseFormat(option: string, text: string): WeightFormatOptions {
  if (text === 'f16' || text === 'bf16') return { format: text, groupSize: 0, hasZeros: false };
  const [, group] = /^int4-g(32|64|128)$/.exec(text) ?? [];
  if (!group) throw invalidOption(option, text, 'int4-g32, int4-g64, int4-g128, f16 or bf16');
  return { format: 'int4', groupSize: Number(group), hasZeros: true };
}

function resolveSpeculative(given: SpeculativeOptions | undefined): Required<SpeculativeOptions> | undefined {
  if (given === undefined) return undefined;
  const { method, numSpeculativeTokens = 4, maxNgram = 3 } = given ?? {};
  if (method !== 'ngram') throw invalidOption('speculative.method', method, "'ngram'");
  checkCount('speculative.numSpeculativeTokens', numSpeculativeTokens, 1, MAX_MATVEC_ROWS - 1);
  checkCount('speculative.maxNgram', maxNgram, 1, 8);
  return Object.freeze({ method, numSpeculativeTokens, maxNgram });
}

function resolveKvDtype(options: EngineOptions, isFloat32: boolean): KvType {
  const { dtype, quantPolicy } = { dtype: options.dtype ?? 'auto', quantPolicy: options.quantPolicy ?? 0 };
  if (dtype !== 'auto' && dtype !== 'float16' && dtype !== 'float32') {
    throw invalidOption('dtype', dtype, "'auto', 'float16' or 'float32'");
  }
  if (quantPolicy === 8) return 'int8';
  if (quantPolicy === 4) return 'int4';
  if (quantPolicy !== 0) throw invalidOption('quantPolicy', quantPolicy, '0, 4 or 8');
  return dtype === 'float32' || (dtype === 'auto' && isFloat32) ? 'f32' : 'f16';
}

/** What the number of blocks depends on. */
interface Room {
  /** The budget without the weights: what a share is a share of, as in LMDeploy. */
  readonly freeBytes: number;
  /** Of these: what other buffers take. */
  readonly reservedBytes: number;
  /** Of a block in all layers. */
  readonly blockBytes: number;
  readonly most: number;
}

function resolveNumBlocks(entryCount: number, { freeBytes, reservedBytes, blockBytes, most }: Room): number {
  if (typeof entryCount !== 'number' || !(entryCount > 0)) {
    throw invalidOption('cacheMaxEntryCount', entryCount, 'a share below 1 or a number of blocks');
  }
  const shareBytes = Math.min(entryCount * freeBytes, freeBytes - reservedBytes);
  const wanted = entryCount < 1 ? Math.floor(shareBytes / blockBytes) : Math.floor(entryCount);
  const numBlocks = Math.min(wanted, most);
  if (numBlocks < 1) {
    throw new PagemindError('out_of_memory', 'The memory budget leaves no room for a KV block beside the weights.', {
      hint: 'Raise memoryBudget, quantise the weights (int4-g64), or use a smaller model.',
    });
  }
  return numBlocks;
}

function checkCount(name: string, value: unknown, low: number, high: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
  throw invalidOption(name, value, `a whole number from ${low} to ${high}`);
}

function invalidOption(name: string, value: unknown, wanted: string): PagemindError {
  return new PagemindError('invalid_option', `The option ${name} is ${JSON.stringify(value) ?? String(value)}.`, {
    hint: `${name} must be ${wanted}.`,
  });
}
