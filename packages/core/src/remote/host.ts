// The engine's side of a channel: makes the engine when asked and carries calls to it, errors and all.
// Which engine that is, the factory decides.
import type { EngineCore, KvPages, LoadProgress } from '../engine/core.js';
import { PagemindError, throwIfAborted } from '../errors.js';
import { type Endpoint, type MessageTarget, toEndpoint } from './endpoints.js';
import {
  type Args,
  type EventOf,
  type Method,
  type Result,
  readToHost,
  seal,
  type ToClient,
  toErrorData,
} from './protocol.js';

/** Makes an engine from the options that the other side sent: untrusted, to be checked. */
export type EngineFactory = (
  options: unknown,
  hooks: { readonly onProgress: (progress: LoadProgress) => void; readonly signal: AbortSignal },
) => Promise<EngineCore>;

/** What a method is told beside its arguments. */
interface Context<M extends Method> {
  readonly emit: (event: EventOf<M>) => void;
  /** The other side lost interest. */
  readonly signal: AbortSignal;
}

type Handlers = { readonly [M in Method]: (context: Context<M>, ...args: Args<M>) => Promise<Result<M>> };

/**
 * Serves one engine at a time to the other side of `target`. Call it while the script starts, or messages are missed.
 * @returns a function that stops serving, ends all calls and disposes of the engine
 */
export function serveEngine(target: Endpoint | MessageTarget, createEngine: EngineFactory): () => Promise<void> {
  const endpoint = toEndpoint(target);
  const handlers = createHandlers(createEngine);
  const calls = new Map<number, AbortController>();

  const post = (message: ToClient): void => endpoint.post(seal(message), transferables(message));
  const answer = async (id: number, method: string, args: readonly unknown[]): Promise<void> => {
    const controller = new AbortController();
    calls.set(id, controller);
    try {
      if (!Object.hasOwn(handlers, method)) throw new PagemindError('invalid_request', `There is no method ${method}.`);
      const context: Context<Method> = {
        emit: (event) => post({ kind: 'event', id, event }),
        signal: controller.signal,
      };
      const handler = handlers[method as Method] as (
        context: Context<Method>,
        ...args: readonly unknown[]
      ) => Promise<unknown>;
      post({ kind: 'result', id, result: await handler(context, ...args) });
    } catch (error) {
      post({ kind: 'error', id, error: toErrorData(error) });
    } finally {
      calls.delete(id);
    }
  };

  const stopListening = endpoint.listen(
    (data) => {
      const message = readToHost(data);
      if (message?.kind === 'call') void answer(message.id, message.method, message.args);
      if (message?.kind === 'cancel') calls.get(message.id)?.abort();
    },
    () => {},
  );
  return async () => {
    stopListening();
    for (const controller of calls.values()) controller.abort();
    await handlers.dispose({ emit: () => {}, signal: new AbortController().signal });
  };
}

function createHandlers(createEngine: EngineFactory): Handlers {
  let opened: Promise<EngineCore> | undefined;
  const engine = (): Promise<EngineCore> => {
    if (opened) return opened;
    throw new PagemindError('disposed', 'There is no engine here.', { hint: 'Open one first.' });
  };
  return {
    open: async ({ emit, signal }, options) => {
      if (opened)
        throw new PagemindError('invalid_request', 'There is an engine here already.', {
          hint: 'Dispose of it first.',
        });
      opened = createEngine(options, { onProgress: emit, signal });
      try {
        const core = await opened;
        // Nobody would ever dispose of an engine that was made a moment too late.
        if (signal.aborted) await core.dispose();
        throwIfAborted(signal);
        return core.info;
      } catch (error) {
        opened = undefined;
        throw error;
      }
    },
    generate: async ({ emit, signal }, request) => {
      for await (const event of (await engine()).generate(request, signal)) emit(event);
    },
    logits: async ({ signal }, ids, options) => (await engine()).logits(ids, { ...options, signal }),
    logprobs: async ({ signal }, ids) => (await engine()).logprobs(ids, { signal }),
    readKv: async (_, query) => (await engine()).readKv(query),
    writeKv: async (_, pages) => (await engine()).writeKv(pages),
    encode: async (_, text, options) => (await engine()).encode(text, options),
    decode: async (_, ids, options) => (await engine()).decode(ids, options),
    stats: async () => (await engine()).stats(),
    dispose: async () => {
      const last = opened;
      opened = undefined;
      await last?.then((core) => core.dispose());
    },
  };
}

/** Logits and pages are large: they move. */
function transferables(message: ToClient): Transferable[] {
  if (message.kind !== 'result') return [];
  const { bytes = message.result } = (message.result ?? {}) as Partial<KvPages>;
  const isLarge = bytes instanceof Float32Array || bytes instanceof Uint8Array;
  return isLarge ? [bytes.buffer as ArrayBuffer] : [];
}
