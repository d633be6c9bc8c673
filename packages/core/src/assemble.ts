// Puts an engine together: opens the device, reads the checkpoint, decides the configuration, loads the weights, compiles.
// Every entry point of the package ends here. On any failure nothing stays allocated.
import { assembleText } from './assemble-text.js';
import { assembleVision } from './assemble-vision.js';
import type { EngineConfig, EngineOptions } from './config.js';
import type { PackableWeights } from './convert.js';
import type { EngineInfo, LoadProgress } from './engine/core.js';
import { LocalEngine } from './engine/engine.js';
import { ngramProposer } from './engine/proposer.js';
import { throwIfAborted } from './errors.js';
import { GpuContext } from './gpu/context.js';
import type { HubModelOptions } from './hub/open-model.js';
import { formatOf } from './load/checkpoint.js';
import { type Pace, RateMeter } from './load/rate.js';
import type { ModelSource } from './load/source.js';
import { type LoadedWeights, loadWeights } from './load/weight-loader.js';
import { partsOf } from './load/weight-parts.js';
import { formatName } from './load/weights.js';
import { Decoder } from './models/decoder.js';
import type { DecoderConfig } from './models/decoder-config.js';
import { weightName } from './models/decoder-weights.js';
import { EXPERT_STACK } from './models/expert-weights.js';
import { openModel } from './models/model.js';
import { EXTRA_ROWS, ImageEncoder } from './models/vlm/projector.js';
import type { VlmConfig } from './models/vlm/vlm-config.js';
import { resolvePlan } from './plan.js';
import type { Platform } from './platform/platform.js';
import { allocateImageBuffers } from './runner/image-buffers.js';
import { ImageRunner } from './runner/image-runner.js';
import { KvCache } from './runner/kv-cache.js';
import { kvOrigin } from './runner/kv-origin.js';
import { GpuModelRunner } from './runner/model-runner.js';
import { allocateBuffers, type StepSizes } from './runner/step-buffers.js';

/** Options beside the model. */
export interface AssembleOptions extends EngineOptions, HubModelOptions {
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Loads the model of `source` and makes an engine for it.
 * @param onWeights called when they are on the device and known to be right, and before much else is
 * @throws PagemindError; its code says what was wrong; what `onWeights` throws.
 */
export async function assembleEngine(
  platform: Platform,
  source: ModelSource,
  options: AssembleOptions,
  onWeights: (weights: PackableWeights) => Promise<void> = async () => {},
): Promise<LocalEngine> {
  const { onProgress, signal } = options;
  const report = (phase: LoadProgress['phase'], text: string, loadedBytes = 0, totalBytes = 0, pace: Pace = {}): void =>
    onProgress?.({ phase, loadedBytes, totalBytes, ...pace, text });
  const meter = new RateMeter(platform.now);
  throwIfAborted(signal);
  report('files', `Opening ${source.name}`);
  const checkpoint = await openModel(source, signal);
  const text = await assembleText(checkpoint, signal);

  const gpu = await GpuContext.open(platform.gpu());
  try {
    const { model, config, sizes } = resolvePlan(checkpoint, gpu.profile, options);
    const { decoder: decoderConfig, vision, specs } = model;
    const images = vision && (await assembleVision(checkpoint, vision, platform.images, signal, text.tools?.tokenizer));
    const weights = await loadWeights(gpu, model.checkpoint, specs, config.weightPolicy, {
      ignored: model.isIgnored,
      onProgress: (loaded, total) =>
        report(
          'weights',
          `Loading weights: ${megabytes(loaded)} of ${megabytes(total)}`,
          loaded,
          total,
          meter.pace(loaded, total),
        ),
      ...(signal && { signal }),
    });
    await source.settle?.(signal);
    await onWeights({ gpu, original: checkpoint, specs, weights });
    report('compile', 'Compiling kernels', weights.bytes, weights.bytes);
    const { blockSize, maxBatchSize, sessionLen } = config;
    const kv = await KvCache.create(gpu, decoderConfig, config.firstBlocks, blockSize, config.kvDtype);
    const buffers = await allocateBuffers(gpu, decoderConfig, sizes);
    throwIfAborted(signal);
    const imageRunner = vision && (await createImageRunner(gpu, vision, weights, config, sizes));
    const decoder = new Decoder(decoderConfig, weights);
    const { pokesQueue } = platform;
    const parts = { gpu, decoder, config, sizes, buffers, kv, images: imageRunner, pokesQueue };
    const runner = await GpuModelRunner.create(parts);
    throwIfAborted(signal);
    report('ready', `${source.name} is ready`, weights.bytes, weights.bytes);
    const { kvBytes, imageBytes: forImages } = config.memory;
    const info: EngineInfo = Object.freeze({
      model: source.name,
      family: model.family,
      architecture: model.architecture,
      sessionLen,
      vocabSize: decoderConfig.vocabSize,
      maxBatchSize,
      numBlocks: config.numBlocks,
      blockSize,
      weightFormat: weightFormat(weights),
      checkpointFormat: formatOf(model.checkpoint),
      kvDtype: config.kvDtype,
      memory: {
        weightBytes: weights.bytes,
        kvBytes,
        activationBytes: gpu.allocated.bytes - weights.bytes - kv.numBytes - forImages,
        imageBytes: forImages,
        totalBytes: gpu.allocated.bytes - kv.numBytes + kvBytes,
      },
      numConversions: weights.numConversions,
      bytesPerToken: bytesPerToken(weights, decoderConfig),
      hasTokenizer: text.tools !== undefined,
      hasChatTemplate: text.hasChatTemplate,
      ...(text.formats.tools && { toolFormat: text.formats.tools.name }),
      ...(text.formats.reasoning && { reasoningFormat: text.formats.reasoning.name }),
      takesImages: images !== undefined,
      adapter: {
        vendor: gpu.profile.vendor,
        architecture: gpu.profile.architecture,
        isCpu: gpu.profile.isCpu,
        features: gpu.profile.features,
      },
    });
    const facts = {
      config: checkpoint.config,
      processor: images?.processor,
      kvDtype: config.kvDtype,
      blockSize,
      weightPolicy: config.weightPolicy,
      deterministic: config.deterministic,
    };
    const { speculative } = config;
    return new LocalEngine({
      runner,
      kvOrigin: () => kvOrigin(gpu, weights, facts),
      ...(text.tools && { text: text.tools }),
      ...(images && { images }),
      ...(speculative && { speculation: { ...speculative, proposer: ngramProposer(speculative.maxNgram) } }),
      defaults: text.defaults,
      info,
      maxStepsInFlight: config.maxStepsInFlight,
      maxQueueLen: config.maxQueueLen,
      enablePrefixCaching: config.enablePrefixCaching,
      clock: platform.now,
    });
  } catch (error) {
    gpu.dispose();
    throw error;
  }
}

async function createImageRunner(
  gpu: GpuContext,
  vision: VlmConfig,
  weights: LoadedWeights,
  { imageCacheBytes }: EngineConfig,
  { maxRows }: StepSizes,
): Promise<ImageRunner> {
  const buffers = await allocateImageBuffers(gpu, vision, imageCacheBytes, maxRows);
  const encoder = new ImageEncoder(vision, weights);
  return new ImageRunner({ gpu, encoder, extraRows: weights.vectors.get(EXTRA_ROWS), buffers });
}

/** The first layer speaks for the decoder. */
function weightFormat({ matrices }: LoadedWeights): string {
  const first = matrices.get(weightName.layer(0, 'qkv')) ?? matrices.get(weightName.layer(0, 'q'));
  return first ? formatName(first.options) : 'none';
}

/** All matrices but an embedding table of its own, of which a step reads one row, and experts that are not chosen. */
function bytesPerToken(weights: LoadedWeights, { isTied, experts }: DecoderConfig): number {
  const table = new Set(partsOf(weights.matrices, weightName.embedding, 1).map(({ matrix }) => matrix));
  let bytes = 0;
  for (const [name, matrix] of weights.matrices) {
    if (table.has(matrix) && !isTied) continue;
    const share = experts && EXPERT_STACK.test(name) ? experts.numChosen / experts.numExperts : 1;
    for (const plane of Object.values(matrix.planes)) bytes += plane.size * share;
  }
  return Math.ceil(bytes);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}
