// Public names of @pagemind/core/host: the worker's side of an engine that a page holds through @pagemind/core/client.
import { type CreateEngineOptions, createEngine } from './create-engine.js';
import type { Endpoint, MessageTarget } from './remote/endpoints.js';
import { serveEngine } from './remote/host.js';

export type { Endpoint, MessageTarget } from './remote/endpoints.js';
export { type EngineFactory, serveEngine } from './remote/host.js';

/**
 * Serves an engine to whoever started this worker. The whole script of a worker can be this call; make it at once.
 * @param target default: this worker's own scope
 * @returns a function that stops serving and disposes of the engine
 */
export function serve(
  target: Endpoint | MessageTarget = globalThis as unknown as DedicatedWorkerGlobalScope,
): () => Promise<void> {
  return serveEngine(target, (options, hooks) => createEngine({ ...(options as CreateEngineOptions), ...hooks }));
}
