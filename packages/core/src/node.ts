// Public names of @pagemind/core/node: the same engine in Node, on Dawn, reading models from folders.
import { Engine } from './api/engine-api.js';
import { openPipeline, type Pipeline, type PipelineOptions } from './api/pipeline.js';
import { SessionStore } from './api/session-store.js';
import { type AssembleOptions, assembleEngine } from './assemble.js';
import { assembleTokenizer } from './assemble-text.js';
import { type ConvertOptions, type ConvertSummary, convertCheckpoint } from './convert.js';
import { modelSource } from './create-engine.js';
import { GpuContext } from './gpu/context.js';
import { type BandwidthProbe, probeDevice } from './gpu/probe.js';
import type { RgbImage } from './image/image.js';
import { type ImageSource, toImageInput } from './image/image-input.js';
import { loadImage as decodeImage, type LoadImageOptions } from './image/load-image.js';
import type { QuantizeModelOptions, QuantizeSummary } from './lite/options.js';
import { calibrateCheckpoint, quantizeCheckpoint } from './lite/quantize-checkpoint.js';
import type { WorkFolder } from './lite/quantized-output.js';
import type { ModelSink } from './load/sink.js';
import type { ModelSource } from './load/source.js';
import { type EnginePlan, type PlanOptions, planEngine } from './plan.js';
import { createNodePlatform } from './platform/node.js';
import { diskFolder } from './platform/node-folder.js';
import { createNodeImageDecoder } from './platform/node-image.js';
import { folderSink } from './platform/node-sink.js';
import { folderSource } from './platform/node-source.js';
import { DataStore } from './store/data-store.js';
import type { Tokenizer } from './text/tokenizer.js';

export * from './index.js';
export { readSafetensorsHeader, type SafetensorsHeader, type TensorLocation } from './load/safetensors.js';
export { writeSafetensors } from './load/safetensors-writer.js';
export type { BandwidthProbe };

/** Options of {@link createEngine} in Node. */
export interface NodeEngineOptions extends AssembleOptions {
  /** A folder as the hub lays it out, the http(s) URL of one, or a source of your own. */
  readonly model: string | ModelSource;
}

/**
 * Loads a model and makes an engine.
 * @throws PagemindError; its code says what was wrong.
 */
export async function createEngine({ model, ...options }: NodeEngineOptions): Promise<Engine> {
  return new Engine(await assembleEngine(createNodePlatform(), nodeSource(model), options));
}

/**
 * What a model will take on this machine, from its configuration and headers alone.
 * @throws PagemindError; its code says what was wrong.
 */
export function planModel({
  model,
  ...options
}: PlanOptions & { readonly model: string | ModelSource }): Promise<EnginePlan> {
  return planEngine(createNodePlatform(), nodeSource(model), options);
}

/**
 * Writes a checkpoint in the engine's own layout, from which it loads without any work: see docs/formats.md.
 * @param model what {@link createEngine} takes
 * @param out a folder, which is made when it does not exist, or a sink of your own
 * @throws PagemindError; its code says what was wrong.
 */
export async function convertModel(
  model: string | ModelSource,
  out: string | ModelSink,
  options: ConvertOptions = {},
): Promise<ConvertSummary> {
  const sink = typeof out === 'string' ? folderSink(out) : out;
  return convertCheckpoint(createNodePlatform(), nodeSource(model), sink, options);
}

function nodeSource(model: string | ModelSource): ModelSource {
  const isFolder = typeof model === 'string' && !/^https?:\/\//.test(model);
  return isFolder ? folderSource(model) : modelSource(model);
}

/**
 * Quantises a checkpoint with calibration (AWQ or GPTQ) into one that other tools read, too: see docs/quantisation.md. A call
 * that was broken off, even by the end of its process, goes on at the layer it had reached when it is made again.
 * @param model what {@link createEngine} takes
 * @param out a folder, which is made when it does not exist, or a place of your own
 * @throws PagemindError; its code says what was wrong.
 */
export function quantizeModel(
  model: string | ModelSource,
  out: string | WorkFolder,
  options: QuantizeModelOptions,
): Promise<QuantizeSummary> {
  const folder = typeof out === 'string' ? { open: folderSource(out).open, ...folderSink(out) } : out;
  return quantizeCheckpoint(createNodePlatform(), nodeSource(model), folder, options);
}

/**
 * Writes statistics of what goes into every linear of a model's decoder to `inputs_stats.safetensors` in the folder `out`:
 * least, greatest, greatest magnitude, mean, and mean magnitude of every column.
 * @throws PagemindError; its code says what was wrong.
 */
export async function calibrateModel(
  model: string | ModelSource,
  out: string | ModelSink,
  options: Pick<QuantizeModelOptions, 'calibration' | 'onProgress' | 'signal'>,
): Promise<void> {
  const sink = typeof out === 'string' ? folderSink(out) : out;
  const bytes = await calibrateCheckpoint(createNodePlatform(), nodeSource(model), options);
  await sink.write('inputs_stats.safetensors', bytes);
}

/**
 * Reads an image into plain pixels; a string that is no URL is a path.
 * @throws PagemindError `invalid_image`, `unsupported_format`, `image_too_large`, `source_unreachable`, `invalid_request`
 * or `aborted`.
 */
export async function loadImage(source: ImageSource, options?: LoadImageOptions): Promise<RgbImage> {
  return decodeImage(await toImageInput(source), createNodeImageDecoder(), options);
}

/**
 * Loads a model, as {@link createEngine} does, and makes a pipeline of it, in LMDeploy's manner.
 * @throws PagemindError; its code says what was wrong.
 */
export function pipeline(model: NodeEngineOptions['model'], options: PipelineOptions = {}): Promise<Pipeline> {
  return openPipeline(options, (engineConfig) => createEngine({ ...engineConfig, model }));
}

/** Sessions kept in a folder on disk, which is made when the first one is saved. */
export function sessionStore(folder: string): SessionStore {
  return new SessionStore(diskFolder(folder), createNodeImageDecoder());
}

/** Plain data of an app's own, Blobs and typed arrays included, kept in the same way. */
export function dataStore(folder: string): DataStore {
  return new DataStore(diskFolder(folder));
}

/**
 * Loads the tokenizer of a model and nothing else; its folder needs no other files.
 * @throws PagemindError `file_missing`, `invalid_tokenizer`, `file_malformed`, `source_unreachable` or `aborted`.
 */
export function loadTokenizer(model: NodeEngineOptions['model'], signal?: AbortSignal): Promise<Tokenizer> {
  return assembleTokenizer(nodeSource(model), signal);
}

/** What this machine offers. */
export interface Environment {
  readonly adapter: {
    readonly vendor: string;
    readonly architecture: string;
    readonly isCpu: boolean;
    readonly features: readonly string[];
  };
  readonly limits: Readonly<Record<string, number>>;
  readonly probe: BandwidthProbe;
}

/**
 * Opens the adapter that an engine would use and measures it.
 * @throws PagemindError `webgpu_unavailable`.
 */
export async function checkEnvironment(): Promise<Environment> {
  const platform = createNodePlatform();
  const gpu = await GpuContext.open(platform.gpu());
  try {
    const { vendor, architecture, isCpu, features, limits } = gpu.profile;
    return {
      adapter: { vendor, architecture, isCpu, features },
      limits: { ...limits },
      probe: await probeDevice(gpu, platform.now),
    };
  } finally {
    gpu.dispose();
  }
}
