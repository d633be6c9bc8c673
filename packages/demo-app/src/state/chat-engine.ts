// What the page uses of an engine, and the one place that starts the worker with the real one. Tests give another.
import { type ConnectHooks, type ConnectOptions, connectEngine, type Engine } from '@pagemind/core/client';
import { startWorker } from '../start-worker.js';

export type ChatEngine = Pick<Engine, 'info' | 'generate' | 'encode' | 'dispose'>;

/** Loads a model and gives an engine for it. */
export type Connect = (options: ConnectOptions, hooks: ConnectHooks) => Promise<ChatEngine>;

/** A worker per model: ending the worker frees everything that the model held, whatever state it was in. */
export const connectWorker: Connect = async (options, hooks) => {
  const worker = startWorker('pagemind-engine');
  try {
    const engine = await connectEngine(worker, options, hooks);
    return {
      info: engine.info,
      generate: (request, signal) => engine.generate(request, signal),
      encode: (text, encodeOptions) => engine.encode(text, encodeOptions),
      dispose: () => engine.dispose().finally(() => worker.terminate()),
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
};
