// Public names of @pagemind/core: an engine in this thread.
import { openPipeline, type Pipeline, type PipelineOptions } from './api/pipeline.js';
import { assembleTokenizer } from './assemble-text.js';
import { modelStorage, workFolder } from './browser-stores.js';
import { type ConvertOptions, type ConvertSummary, convertCheckpoint } from './convert.js';
import { browserPlaces, createEngine, type ModelLocation } from './create-engine.js';
import type { HubModelOptions } from './hub/open-model.js';
import type { RgbImage } from './image/image.js';
import { type ImageSource, toImageInput } from './image/image-input.js';
import { loadImage as decodeImage, type LoadImageOptions } from './image/load-image.js';
import type { QuantizeModelOptions, QuantizeSummary } from './lite/options.js';
import { quantizeCheckpoint } from './lite/quantize-checkpoint.js';
import type { WorkFolder } from './lite/quantized-output.js';
import type { ModelSink } from './load/sink.js';
import { fetchModel, type LoadHooks, onlySignal, withModel } from './load-model.js';
import { type EnginePlan, type PlanOptions, planEngine } from './plan.js';
import { browserPlatform } from './platform/browser.js';
import { keepStorage } from './platform/opfs-models.js';
import type { Tokenizer } from './text/tokenizer.js';

export { Engine } from './api/engine-api.js';
export { measurePerplexity, type PerplexityOptions, type PerplexityResult } from './api/perplexity.js';
export {
  createPipeline,
  type GenerationConfigs,
  type Pipeline,
  type PipelineCallOptions,
  type PipelineOptions,
} from './api/pipeline.js';
export type { GenerationConfig } from './api/pipeline-config.js';
export type { PipelineImage, PipelinePrompt } from './api/pipeline-prompt.js';
export type { PipelineChunk, PipelineResponse, TokenLogprobs } from './api/pipeline-response.js';
export {
  type AbortedAnswer,
  type SendOptions,
  Session,
  type SessionAnswer,
  type SessionInput,
  type SessionOptions,
  type TurnRequest,
} from './api/session.js';
export type { SessionData, SessionTurn } from './api/session-data.js';
export type { SaveSessionOptions, SessionStore } from './api/session-store.js';
export type { AssembleOptions } from './assemble.js';
export { dataStore, deleteCached, exportModel, listCached, sessionStore } from './browser-stores.js';
export type { EngineConfig, EngineOptions, MemoryPlan, SpeculativeOptions } from './config.js';
export type { ConvertOptions, ConvertProgress, ConvertSummary } from './convert.js';
export { type CreateEngineOptions, createEngine, type ModelLocation } from './create-engine.js';
export type {
  ChatMessage,
  ContentPart,
  EngineCore,
  EngineInfo,
  EngineStats,
  FinishReason,
  GeneratedLogprob,
  GenerateEvent,
  GenerateRequest,
  HeldTokens,
  KvPages,
  KvQuery,
  LoadProgress,
  LogitsOptions,
  MemoryUse,
  PixelValues,
  Prompt,
  PromptImage,
  RequestStats,
  TokenLogprob,
  Usage,
} from './engine/core.js';
export { PagemindError, type PagemindErrorCode } from './errors.js';
export { type HubOptions, isHubId } from './hub/hub-api.js';
export type { CachedModel, FileSink } from './hub/model-cache.js';
export type { HubModelOptions } from './hub/open-model.js';
export type { ImageInput, Pixels, RgbImage } from './image/image.js';
export { type DrawableLike, type ImageSource, toImageInput } from './image/image-input.js';
export type { LoadImageOptions } from './image/load-image.js';
export type { CalibrationText } from './lite/calibration-text.js';
export type { QuantizeModelOptions, QuantizeProgress, QuantizeSummary } from './lite/options.js';
export type { WorkFolder } from './lite/quantized-output.js';
export type { ModelSink } from './load/sink.js';
export type { ByteSource, ModelSource } from './load/source.js';
export type { LoadHooks } from './load-model.js';
export { type FamilyEntry, listFamilies } from './models/catalog.js';
export type { EnginePlan, PlanOptions } from './plan.js';
export type { RunnerCounters } from './runner/runner.js';
export type { SamplingParams } from './sampling/params.js';
export type { DataStore } from './store/data-store.js';
export type { DecodeOptions, EncodeOptions, Tokenizer } from './text/tokenizer.js';

/**
 * Reads an image into plain pixels, which may stand wherever an image may: for those who want to see them, or to fail
 * early. Prompts take an image as it is.
 * @throws PagemindError `invalid_image`, `unsupported_format`, `image_too_large`, `source_unreachable`, `invalid_request`
 * or `aborted`.
 */
export async function loadImage(source: ImageSource, options?: LoadImageOptions): Promise<RgbImage> {
  return decodeImage(await toImageInput(source), browserPlatform.images, options);
}

/**
 * What a model will take on this device, from its configuration and headers alone: for showing before its weights are read.
 * @throws PagemindError; its code says what was wrong.
 */
export function planModel({ model, ...options }: PlanOptions & { readonly model: ModelLocation }): Promise<EnginePlan> {
  return withModel(browserPlaces, model, options, options, (source) => planEngine(browserPlatform, source, options));
}

/**
 * Writes a checkpoint in the engine's own layout into this browser, from where it loads without any work: see docs/formats.md.
 * @param out a folder of the browser's own file system (OPFS), whose handle is a model for {@link createEngine}, or a sink
 * @throws PagemindError; its code says what was wrong.
 */
export function convertModel(
  model: ModelLocation,
  out: string | ModelSink,
  options: ConvertOptions = {},
): Promise<ConvertSummary> {
  const sink = typeof out === 'string' ? workFolder(out) : out;
  // Of opening a model both know the same phases.
  return withModel(browserPlaces, model, options, options as LoadHooks, (source) => {
    return convertCheckpoint(browserPlatform, source, sink, options);
  });
}

/**
 * Quantises a checkpoint with calibration (AWQ or GPTQ), in the page: weights of one layer at a time, from any source. Call it
 * in a worker; a call that was broken off, even by closing the page, goes on at the layer it had reached when it is made again.
 * @param out a folder of the browser's own file system (OPFS), or a place of your own
 * @throws PagemindError; its code says what was wrong.
 */
export function quantizeModel(
  model: ModelLocation,
  out: string | WorkFolder,
  options: QuantizeModelOptions,
): Promise<QuantizeSummary> {
  const folder = typeof out === 'string' ? workFolder(out) : out;
  return withModel(browserPlaces, model, options, onlySignal(options), (source) => {
    return quantizeCheckpoint(browserPlatform, source, folder, options);
  });
}

/**
 * Loads a model and makes a pipeline of it, in LMDeploy's manner: `await (await pipeline(url))(['Hi', 'Who are you?'])`.
 * @throws PagemindError; its code says what was wrong.
 */
export function pipeline(model: ModelLocation, options: PipelineOptions = {}): Promise<Pipeline> {
  return openPipeline(options, (engineConfig) => createEngine({ ...engineConfig, model }));
}

/**
 * Loads the tokenizer of a model and nothing else; its folder needs no other files.
 * @throws PagemindError `file_missing`, `invalid_tokenizer`, `file_malformed`, `source_unreachable` or `aborted`.
 */
export function loadTokenizer(
  model: ModelLocation,
  signal?: AbortSignal,
  hub: HubModelOptions = {},
): Promise<Tokenizer> {
  const hooks = signal ? { signal } : {};
  return withModel(browserPlaces, model, hub, hooks, (source) => assembleTokenizer(source, signal));
}

/**
 * Brings a model of a hub into this browser's cache, or what is missing of it; engines then load it without a network.
 * @param id as in `Qwen/Qwen2.5-0.5B-Instruct`
 * @throws PagemindError `model_not_found`, `source_unreachable`, `checksum_mismatch`, `storage_full`,
 * `storage_unavailable`, `aborted`, …
 */
export async function downloadModel(
  id: string,
  { onProgress, signal, ...hub }: HubModelOptions & LoadHooks = {},
): Promise<void> {
  void keepStorage();
  await fetchModel(modelStorage(), id, hub, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
}
