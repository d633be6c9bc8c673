// Public names of @pagemind/core/node: the same engine in Node, on Dawn, reading models from folders and files.
import { basename, dirname } from 'node:path';
import { Engine } from './api/engine-api.js';
import { openPipeline, type Pipeline, type PipelineOptions } from './api/pipeline.js';
import { SessionStore } from './api/session-store.js';
import type { AssembleOptions } from './assemble.js';
import { assembleOnce } from './assemble-once.js';
import { assembleTokenizer } from './assemble-text.js';
import { type ConvertOptions, type ConvertSummary, convertCheckpoint } from './convert.js';
import { modelSource } from './create-engine.js';
import { GpuContext } from './gpu/context.js';
import { type BandwidthProbe, probeDevice } from './gpu/probe.js';
import { type CachedModel, type FileSink, ModelCache } from './hub/model-cache.js';
import type { HubModelOptions } from './hub/open-model.js';
import type { ModelStorage } from './hub/storage.js';
import type { RgbImage } from './image/image.js';
import { type ImageSource, toImageInput } from './image/image-input.js';
import { loadImage as decodeImage, type LoadImageOptions } from './image/load-image.js';
import type { QuantizeModelOptions, QuantizeSummary } from './lite/options.js';
import { calibrateCheckpoint, quantizeCheckpoint } from './lite/quantize-checkpoint.js';
import type { WorkFolder } from './lite/quantized-output.js';
import { fileInSource } from './load/file-in-source.js';
import type { ModelSink } from './load/sink.js';
import type { ModelSource } from './load/source.js';
import { fetchModel, type LoadHooks, type ModelPlaces, onlySignal, withModel } from './load-model.js';
import { type EnginePlan, type PlanOptions, planEngine } from './plan.js';
import { createNodePlatform } from './platform/node.js';
import { diskFolder } from './platform/node-folder.js';
import { createNodeImageDecoder } from './platform/node-image.js';
import { defaultCacheFolder, diskModels, folderFileSink, isThere } from './platform/node-models.js';
import { folderSink } from './platform/node-sink.js';
import { folderSource } from './platform/node-source.js';
import { DataStore } from './store/data-store.js';
import type { Tokenizer } from './text/tokenizer.js';

export * from './index.js';
export { readSafetensorsHeader, type SafetensorsHeader, type TensorLocation } from './load/safetensors.js';
export { safetensorsHeader, writeSafetensors } from './load/safetensors-writer.js';
export type { ModelSink } from './load/sink.js';
export type { BandwidthProbe };

/** Options of {@link createEngine} in Node. */
export interface NodeEngineOptions extends AssembleOptions, NodeHubOptions {
  /** A folder as the hub lays it out, a GGUF file, a name on a hub, the http(s) URL of a folder or file, or a source of your own. */
  readonly model: string | ModelSource;
}

/** Options of hubs in Node. */
export interface NodeHubOptions extends HubModelOptions {
  /** Where models of hubs are kept. Default: `$PAGEMIND_CACHE_DIR`, or the system's folder for caches. */
  readonly cacheDir?: string;
}

/**
 * Loads a model and makes an engine.
 * @throws PagemindError; its code says what was wrong.
 */
export function createEngine({ model, ...options }: NodeEngineOptions): Promise<Engine> {
  return withNodeModel(model, options, options, async (source, hooks) => {
    return new Engine(await assembleOnce(createNodePlatform(), source, { ...options, ...hooks }));
  });
}

/**
 * What a model will take on this machine, from its configuration and headers alone.
 * @throws PagemindError; its code says what was wrong.
 */
export function planModel({
  model,
  ...options
}: PlanOptions & NodeHubOptions & { readonly model: string | ModelSource }): Promise<EnginePlan> {
  return withNodeModel(model, options, options, (source) => planEngine(createNodePlatform(), source, options));
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
  options: ConvertOptions & NodeHubOptions = {},
): Promise<ConvertSummary> {
  const sink = typeof out === 'string' ? folderSink(out) : out;
  return withNodeModel(model, options, options, (source) => {
    return convertCheckpoint(createNodePlatform(), source, sink, options);
  });
}

/**
 * Brings a model of a hub into the cache, or what is missing of it; it then loads without a network.
 * @param id as in `Qwen/Qwen2.5-0.5B-Instruct`
 * @throws PagemindError `model_not_found`, `source_unreachable`, `checksum_mismatch`, `storage_full`,
 * `storage_unavailable`, `aborted`, …
 */
export function downloadModel(id: string, options: NodeHubOptions & LoadHooks = {}): Promise<void> {
  return fetchModel(cacheOf(options), id, withEnvironment(options), options);
}

/** Models of hubs that are in the cache, completely or in part, the one used last first. */
export function listCached(options: Pick<NodeHubOptions, 'cacheDir'> = {}): Promise<readonly CachedModel[]> {
  return new ModelCache(cacheOf(options)).list();
}

/** Deletes a model from the cache, in all its revisions. Waits for a download of it to end. */
export function deleteCached(
  id: string,
  { signal, ...options }: Pick<NodeHubOptions, 'cacheDir'> & Pick<LoadHooks, 'signal'> = {},
): Promise<void> {
  return new ModelCache(cacheOf(options)).delete(id, signal);
}

/**
 * Writes the files of a model in the cache, as the hub has them.
 * @param target a folder, which is made when it does not exist, or a sink of your own
 * @throws PagemindError `model_not_found` when not all of it is in the cache; `storage_unavailable`, `storage_full`, `aborted`.
 */
export function exportModel(
  id: string,
  target: string | FileSink,
  { signal, ...options }: Pick<NodeHubOptions, 'cacheDir'> & Pick<LoadHooks, 'signal'> = {},
): Promise<void> {
  const sink = typeof target === 'string' ? folderFileSink(target) : target;
  return new ModelCache(cacheOf(options)).export(id, sink, signal);
}

function withNodeModel<T>(
  model: string | ModelSource,
  options: NodeHubOptions,
  hooks: { readonly onProgress?: (progress: never) => void; readonly signal?: AbortSignal },
  use: (source: ModelSource, hooks: LoadHooks) => Promise<T>,
): Promise<T> {
  const places: ModelPlaces<string | ModelSource> = {
    storage: () => cacheOf(options),
    source: nodeSource,
    // A folder that is there is meant.
    isElsewhere: isThere,
  };
  return withModel(places, model, withEnvironment(options), hooks as LoadHooks, use);
}

function cacheOf({ cacheDir }: Pick<NodeHubOptions, 'cacheDir'>): ModelStorage {
  return diskModels(cacheDir ?? defaultCacheFolder());
}

/** What the hub's own tools take from the environment. A token is for the hub of the environment alone. */
function withEnvironment(options: HubModelOptions): HubModelOptions {
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = process.env;
  if (options.endpoint !== undefined) return options;
  return { ...(endpoint && { endpoint }), ...(token && { token }), ...options };
}

function nodeSource(model: string | ModelSource): ModelSource {
  if (typeof model !== 'string' || /^https?:\/\//.test(model)) return modelSource(model);
  return model.endsWith('.gguf') ? fileInSource(folderSource(dirname(model)), basename(model)) : folderSource(model);
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
  return withNodeModel(model, options, onlySignal(options), (source) => {
    return quantizeCheckpoint(createNodePlatform(), source, folder, options);
  });
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
  const bytes = await withNodeModel(model, {}, onlySignal(options), (source) => {
    return calibrateCheckpoint(createNodePlatform(), source, options);
  });
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
export function loadTokenizer(
  model: NodeEngineOptions['model'],
  signal?: AbortSignal,
  hub: NodeHubOptions = {},
): Promise<Tokenizer> {
  const hooks = signal ? { signal } : {};
  return withNodeModel(model, hub, hooks, (source) => assembleTokenizer(source, signal));
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
