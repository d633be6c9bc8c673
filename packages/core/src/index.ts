// Public names of @pagemind/core: an engine in this thread.
import { openPipeline, type Pipeline, type PipelineOptions } from './api/pipeline.js';
import { assembleTokenizer } from './assemble-text.js';
import { modelStorage } from './browser-stores.js';
import { browserPlaces, createEngine, type ModelLocation } from './create-engine.js';
import type { HubModelOptions } from './hub/open-model.js';
import type { RgbImage } from './image/image.js';
import { type ImageSource, toImageInput } from './image/image-input.js';
import { loadImage as decodeImage, type LoadImageOptions } from './image/load-image.js';
import { fetchModel, type LoadHooks, withModel } from './load-model.js';
import { type EnginePlan, type PlanOptions, planEngine } from './plan.js';
import { browserPlatform } from './platform/browser.js';
import { keepStorage } from './platform/opfs-models.js';
import type { Tokenizer } from './text/tokenizer.js';

export { Engine } from './api/engine-api.js';
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
export type { ByteSource, ModelSource } from './load/source.js';
export type { LoadHooks } from './load-model.js';
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
