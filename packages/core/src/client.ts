// Public names of @pagemind/core/client: an engine in a worker, as the page holds it. Nothing of the engine itself may be
// imported here but types: a page that uses a worker loads the engine once, there.
import type { Engine } from './api/engine-api.js';
import type { AssembleOptions } from './assemble.js';
import { PagemindError } from './errors.js';
import { isHubId } from './hub/hub-api.js';
import type { DirectoryHandle } from './load/directory-source.js';
import { keepStorage } from './platform/opfs-models.js';
import { type ConnectHooks, connectEngine as connect } from './remote/client.js';
import type { Endpoint } from './remote/endpoints.js';

export { Engine } from './api/engine-api.js';
export {
  createPipeline,
  type GenerationConfigs,
  type Pipeline,
  type PipelineCallOptions,
} from './api/pipeline.js';
export type { GenerationConfig } from './api/pipeline-config.js';
export type { PipelineImage, PipelinePrompt } from './api/pipeline-prompt.js';
export type { PipelineChunk, PipelineResponse } from './api/pipeline-response.js';
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
export type * from './api/types.js';
export { dataStore, deleteCached, exportModel, listCached, sessionStore } from './browser-stores.js';
export type * from './engine/core.js';
export { PagemindError, type PagemindErrorCode } from './errors.js';
export { isHubId } from './hub/hub-api.js';
export type { CachedModel, FileSink } from './hub/model-cache.js';
export type { HubModelOptions } from './hub/open-model.js';
export type { ImageInput, Pixels } from './image/image.js';
export { type DrawableLike, type ImageSource, toImageInput } from './image/image-input.js';
export type { ConnectHooks } from './remote/client.js';
export type { Endpoint, MessageTarget } from './remote/endpoints.js';
export type { SamplingParams } from './sampling/params.js';
export type { DataStore } from './store/data-store.js';

/** Options of {@link connectEngine}: those of `createEngine` that can be sent to a worker. */
export interface ConnectOptions extends Omit<AssembleOptions, 'onProgress' | 'signal'> {
  /** Its name on a hub (`Qwen/Qwen2.5-0.5B-Instruct`), the URL of its folder, files picked by a person, or a folder handle. */
  readonly model: string | URL | readonly File[] | DirectoryHandle;
}

/**
 * Loads a model in the worker behind `target`, which runs `serve()` of `@pagemind/core/host`.
 * @throws PagemindError; its code says what was wrong.
 */
export async function connectEngine(
  target: Worker | MessagePort | Endpoint,
  { model, ...options }: ConnectOptions,
  hooks?: ConnectHooks,
): Promise<Engine> {
  const isOfHub = typeof model === 'string' && isHubId(model);
  const isUrl = !isOfHub && (typeof model === 'string' || model instanceof URL);
  // Only a page may ask for it, not its worker.
  if (isOfHub) void keepStorage();
  return connect(target, { ...options, model: isUrl ? absoluteUrl(model) : model }, hooks);
}

/** In the worker a relative URL would be taken from the worker's script. */
function absoluteUrl(url: string | URL): string {
  try {
    return new URL(url, globalThis.location?.href).href;
  } catch (cause) {
    throw new PagemindError('invalid_option', `model is ${String(url)}, which is no URL.`, {
      hint: "Give the URL of the model's folder.",
      cause,
    });
  }
}
