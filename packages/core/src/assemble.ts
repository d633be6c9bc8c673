// Puts an engine together: opens the device, reads the checkpoint, decides the configuration, loads the weights, compiles.
// Every entry point of the package ends here. On any failure nothing stays allocated.
import { assembleText } from './assemble-text.js';
import { type EngineOptions, resolveConfig } from './config.js';
import type { EngineInfo, LoadProgress } from './engine/core.js';
import { LocalEngine } from './engine/engine.js';
import { throwIfAborted } from './errors.js';
import { GpuContext } from './gpu/context.js';
import { type Checkpoint, openCheckpoint } from './load/checkpoint.js';
import type { ModelSource } from './load/source.js';
import { type LoadedWeights, loadWeights } from './load/weight-loader.js';
import { weightBytes } from './load/weight-plan.js';
import { Decoder } from './models/decoder.js';
import { decoderWeights, isTiedCopy, weightName } from './models/decoder-weights.js';
import { resolveFamily } from './models/registry.js';
import type { Platform } from './platform/platform.js';
import { allocateKvCache } from './runner/kv-cache.js';
import { GpuModelRunner } from './runner/model-runner.js';
import { activationBytes, allocateBuffers, type StepSizes } from './runner/step-buffers.js';

/** Options beside the model. */
export interface AssembleOptions extends EngineOptions {
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Loads the model of `source` and makes an engine for it.
 * @throws PagemindError; its code says what was wrong.
 */
export async function assembleEngine(
  platform: Platform,
  source: ModelSource,
  options: AssembleOptions,
): Promise<LocalEngine> {
  const { onProgress, signal } = options;
  const report = (phase: LoadProgress['phase'], text: string, loadedBytes = 0, totalBytes = 0): void =>
    onProgress?.({ phase, loadedBytes, totalBytes, text });
  throwIfAborted(signal);
  report('files', `Opening ${source.name}`);
  const checkpoint = await openCheckpoint(source, signal);
  const { family, config: model } = resolveFamily(checkpoint.config);
  const specs = decoderWeights(family, model, (tensor) => checkpoint.tensors.has(tensor));
  const text = await assembleText(checkpoint, signal);

  const gpu = await GpuContext.open(platform.gpu());
  try {
    const sizesOf = (maxRows: number, maxBatchSize: number, sessionLen: number, pageSize: number): StepSizes => ({
      maxRows,
      maxBatchSize,
      sessionLen,
      pageSize,
    });
    const config = resolveConfig(
      options,
      model,
      gpu.profile,
      (quantize) => weightBytes(specs, checkpoint, { quantize }),
      isFloat32(checkpoint),
      (...sizes) => activationBytes(model, sizesOf(...sizes)),
    );
    const weights = await loadWeights(gpu, checkpoint, specs, config, {
      ignored: (tensor) => family.ignored.test(tensor) || isTiedCopy(family, model, tensor),
      onProgress: (loaded, total) =>
        report('weights', `Loading weights: ${megabytes(loaded)} of ${megabytes(total)}`, loaded, total),
      ...(signal && { signal }),
    });
    report('compile', 'Compiling kernels', weights.bytes, weights.bytes);
    const { blockSize, maxBatchSize, sessionLen, maxPrefillTokenNum } = config;
    const sizes = sizesOf(Math.max(maxPrefillTokenNum, maxBatchSize), maxBatchSize, sessionLen, blockSize);
    const kv = await allocateKvCache(gpu, model, config.numBlocks, blockSize, config.kvDtype);
    const buffers = await allocateBuffers(gpu, model, sizes);
    throwIfAborted(signal);
    const decoder = new Decoder(model, weights);
    const { pokesQueue } = platform;
    const runner = await GpuModelRunner.create({ gpu, decoder, config, sizes, buffers, kv, pokesQueue });
    throwIfAborted(signal);
    report('ready', `${source.name} is ready`, weights.bytes, weights.bytes);
    const { kvBytes } = config.memory;
    const info: EngineInfo = Object.freeze({
      model: source.name,
      family: model.family,
      architecture: model.architecture,
      sessionLen,
      vocabSize: model.vocabSize,
      maxBatchSize,
      numBlocks: config.numBlocks,
      blockSize,
      weightFormat: options.quantize ?? weights.matrices.get(weightName.layer(0, 'qkv'))?.options.format ?? 'none',
      kvDtype: config.kvDtype,
      memory: {
        weightBytes: weights.bytes,
        kvBytes,
        activationBytes: gpu.allocated.bytes - weights.bytes - kvBytes,
        totalBytes: gpu.allocated.bytes,
      },
      bytesPerToken: bytesPerToken(weights, model.isTied),
      hasTokenizer: text.tools !== undefined,
      hasChatTemplate: text.hasChatTemplate,
      adapter: {
        vendor: gpu.profile.vendor,
        architecture: gpu.profile.architecture,
        isCpu: gpu.profile.isCpu,
        features: gpu.profile.features,
      },
    });
    return new LocalEngine({
      runner,
      ...(text.tools && { text: text.tools }),
      defaults: text.defaults,
      info,
      maxQueueLen: config.maxQueueLen,
      clock: platform.now,
    });
  } catch (error) {
    gpu.dispose();
    throw error;
  }
}

/** The first matrix speaks for the checkpoint. */
function isFloat32({ tensors }: Checkpoint): boolean {
  for (const { dtype, shape } of tensors.values()) if (shape.length === 2) return dtype === 'F32';
  return false;
}

/** All matrices but an embedding table of its own, of which a step reads one row. */
function bytesPerToken(weights: LoadedWeights, isTied: boolean): number {
  let bytes = 0;
  for (const [name, { planes }] of weights.matrices) {
    if (name === weightName.embedding && !isTied) continue;
    for (const plane of Object.values(planes)) bytes += plane.size;
  }
  return bytes;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}
