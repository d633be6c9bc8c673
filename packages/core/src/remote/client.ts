// The engine as seen from another thread: the same interface, every call a message. Template, tokenizer and everything
// else run beside the real engine, so this side stays a few kB.
import { Engine } from '../api/engine-api.js';
import { AsyncQueue } from '../async-queue.js';
import type {
  EngineCore,
  EngineInfo,
  EngineStats,
  GenerateEvent,
  GenerateRequest,
  KvPages,
  KvQuery,
  LoadProgress,
  LogitsOptions,
  PromptImage,
} from '../engine/core.js';
import { imagesOf } from '../engine/images.js';
import { PagemindError } from '../errors.js';
import { Connection } from './connection.js';
import { type Endpoint, type MessageTarget, toEndpoint } from './endpoints.js';

/** How to follow the loading of a model, and leave it. */
export interface ConnectHooks {
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes an engine on the other side of `target`, where {@link serveEngine} runs.
 * @param options plain data, for the factory over there
 * @throws PagemindError of the factory; `aborted`; `internal` when the other side crashes.
 */
export async function connectEngine(
  target: Endpoint | MessageTarget,
  options: unknown,
  { onProgress, signal }: ConnectHooks = {},
): Promise<Engine> {
  const connection = new Connection(toEndpoint(target));
  try {
    const info = await connection.call('open', [options], { onEvent: onProgress, signal });
    return new Engine(new RemoteEngineCore(connection, info));
  } catch (error) {
    connection.close(new PagemindError('disposed', 'The engine was never opened.'));
    throw error;
  }
}

export class RemoteEngineCore implements EngineCore {
  readonly info: EngineInfo;
  readonly #connection: Connection;

  constructor(connection: Connection, info: EngineInfo) {
    this.#connection = connection;
    this.info = info;
  }

  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    const leaving = new AbortController();
    const events = new AsyncQueue<GenerateEvent>(() => leaving.abort());
    const signals = signal ? [signal, leaving.signal] : [leaving.signal];
    this.#connection
      .call('generate', [request], {
        onEvent: (event) => events.push(event),
        signal: AbortSignal.any(signals),
        transfer: bitmapsAmong(imagesOf(request.prompt)),
      })
      .then(
        () => events.end(),
        (error) => events.fail(error),
      );
    return events;
  }

  logits(ids: readonly number[], { signal, ...options }: LogitsOptions = {}): Promise<Float32Array> {
    return this.#connection.call('logits', [ids, options], { signal, transfer: bitmapsAmong(options.images ?? []) });
  }

  logprobs(ids: readonly number[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<Float32Array> {
    return this.#connection.call('logprobs', [ids], { signal });
  }

  readKv(query: KvQuery): Promise<KvPages | undefined> {
    const transfer = 'prompt' in query ? bitmapsAmong(imagesOf(query.prompt)) : [];
    return this.#connection.call('readKv', [query], { transfer });
  }

  writeKv(pages: KvPages): Promise<boolean> {
    return this.#connection.call('writeKv', [pages]);
  }

  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): Promise<number[]> {
    return this.#connection.call('encode', [text, options]);
  }

  decode(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): Promise<string> {
    return this.#connection.call('decode', [ids, options]);
  }

  stats(): Promise<EngineStats> {
    return this.#connection.call('stats', []);
  }

  async dispose(): Promise<void> {
    // A second time, or after a crash, there is nothing left to dispose of.
    await this.#connection.call('dispose', []).catch(() => {});
    this.#connection.close(new PagemindError('disposed', 'The engine was disposed.'));
  }
}

/** Bitmaps move: the engine closes them, and a copy would stay here until it is collected. */
function bitmapsAmong(images: readonly PromptImage[]): readonly ImageBitmap[] {
  return images.filter((image) => typeof image === 'object' && 'close' in image);
}
