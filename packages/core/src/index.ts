// Public names of @pagemind/core: an engine in this thread.
import { openPipeline, type Pipeline, type PipelineOptions } from './api/pipeline.js';
import { assembleTokenizer } from './assemble-text.js';
import { workFolder } from './browser-stores.js';
import { type ConvertOptions, type ConvertSummary, convertCheckpoint } from './convert.js';
import { createEngine, type ModelLocation, modelSource } from './create-engine.js';
import type { RgbImage } from './image/image.js';
import { type ImageSource, toImageInput } from './image/image-input.js';
import { loadImage as decodeImage, type LoadImageOptions } from './image/load-image.js';
import type { QuantizeModelOptions, QuantizeSummary } from './lite/options.js';
import { quantizeCheckpoint } from './lite/quantize-checkpoint.js';
import type { WorkFolder } from './lite/quantized-output.js';
import type { ModelSink } from './load/sink.js';
import { type EnginePlan, type PlanOptions, planEngine } from './plan.js';
import { browserPlatform } from './platform/browser.js';
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
export { dataStore, sessionStore } from './browser-stores.js';
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
export type { ImageInput, Pixels, RgbImage } from './image/image.js';
export { type DrawableLike, type ImageSource, toImageInput } from './image/image-input.js';
export type { LoadImageOptions } from './image/load-image.js';
export type { CalibrationText } from './lite/calibration-text.js';
export type { QuantizeModelOptions, QuantizeProgress, QuantizeSummary } from './lite/options.js';
export type { WorkFolder } from './lite/quantized-output.js';
export type { ModelSink } from './load/sink.js';
export type { ByteSource, ModelSource } from './load/source.js';
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
  return planEngine(browserPlatform, modelSource(model), options);
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
  return convertCheckpoint(browserPlatform, modelSource(model), sink, options);
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
  return quantizeCheckpoint(browserPlatform, modelSource(model), folder, options);
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
export function loadTokenizer(model: ModelLocation, signal?: AbortSignal): Promise<Tokenizer> {
  return assembleTokenizer(modelSource(model), signal);
}
