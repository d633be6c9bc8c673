// What an engine for a checkpoint will be and take, decided before a weight is read. Loading follows in assemble.ts.
import type { DeviceProfile } from '@pagemind/kernels-wgsl';
import { type EngineConfig, type EngineOptions, type MemoryPlan, resolveConfig } from './config.js';
import type { EngineInfo } from './engine/core.js';
import { GpuContext } from './gpu/context.js';
import type { HubModelOptions } from './hub/open-model.js';
import { type Checkpoint, matrixDtype } from './load/checkpoint.js';
import { checkModelFormat } from './load/find-quantized.js';
import type { ModelSource } from './load/source.js';
import { weightBytes } from './load/weight-loader.js';
import { type ModelPlan, openModel, resolveModel } from './models/model.js';
import type { Platform } from './platform/platform.js';
import { imageBytes } from './runner/image-buffers.js';
import { activationBytes, type StepSizes } from './runner/step-buffers.js';

/** What a model will take on this device with these options: known from its headers, before its weights are read. */
export interface EnginePlan
  extends Pick<
    EngineInfo,
    'model' | 'family' | 'architecture' | 'sessionLen' | 'maxBatchSize' | 'numBlocks' | 'blockSize' | 'kvDtype'
  > {
  /** Of GPU memory. */
  readonly memory: MemoryPlan;
  /** Of the tensors in the checkpoint. */
  readonly downloadBytes: number;
}

/** Options of planning. */
export interface PlanOptions extends EngineOptions, HubModelOptions {
  readonly signal?: AbortSignal;
}

/** A checkpoint understood, and everything decided about it. */
export interface ResolvedPlan {
  readonly model: ModelPlan;
  readonly config: EngineConfig;
  readonly sizes: StepSizes;
}

/** @throws PagemindError `unsupported_model`, `invalid_config`, `invalid_option` or `out_of_memory`. */
export function resolvePlan(checkpoint: Checkpoint, profile: DeviceProfile, options: EngineOptions): ResolvedPlan {
  const model = resolveModel(checkpoint);
  const { decoder, vision, specs } = model;
  checkModelFormat(checkpoint, options.modelFormat);
  const config = resolveConfig(
    options,
    decoder,
    profile,
    {
      weights: (policy) => weightBytes(specs, model.checkpoint, policy),
      activations: (maxRows, maxBatchSize, sessionLen, pageSize) =>
        activationBytes(decoder, { maxRows, maxBatchSize, sessionLen, pageSize }),
      images: (maxRows, cacheBytes) => (vision ? imageBytes(vision, cacheBytes, maxRows) : 0),
    },
    matrixDtype(checkpoint) === 'F32',
  );
  const { maxBatchSize, sessionLen, maxPrefillTokenNum, blockSize } = config;
  const maxRows = Math.max(maxPrefillTokenNum, maxBatchSize);
  return { model, config, sizes: { maxRows, maxBatchSize, sessionLen, pageSize: blockSize } };
}

/** Plans the model of `source`, reading no more than its configuration and headers. */
export async function planEngine(
  platform: Platform,
  source: ModelSource,
  { signal, ...options }: PlanOptions,
): Promise<EnginePlan> {
  const checkpoint = await openModel(source, signal);
  const gpu = await GpuContext.open(platform.gpu());
  try {
    const { model, config } = resolvePlan(checkpoint, gpu.profile, options);
    const { sessionLen, maxBatchSize, numBlocks, blockSize, kvDtype, memory } = config;
    const { family, architecture } = model;
    let downloadBytes = 0;
    for (const { length } of checkpoint.tensors.values()) downloadBytes += length;
    const sizes = { sessionLen, maxBatchSize, numBlocks, blockSize, kvDtype };
    return { model: source.name, family, architecture, ...sizes, memory, downloadBytes };
  } finally {
    gpu.dispose();
  }
}
