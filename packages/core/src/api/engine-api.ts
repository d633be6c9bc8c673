// The engine that people hold: OpenAI's shapes and the engine's own calls, over an engine that may run anywhere.
import type {
  EngineCore,
  EngineInfo,
  EngineStats,
  GenerateEvent,
  GenerateRequest,
  KvPages,
  KvQuery,
  LogitsOptions,
} from '../engine/core.js';
import { ChatCompletions } from './chat-completions.js';
import { Completions } from './completions.js';
import { Session, type SessionOptions } from './session.js';

/** An engine as apps hold it: made by `createEngine` or `connectEngine`. */
export class Engine implements EngineCore {
  /** Conversations, in OpenAI's shape. */
  readonly chat: { readonly completions: ChatCompletions };
  /** Texts to continue, in OpenAI's shape. */
  readonly completions: Completions;
  readonly #core: EngineCore;

  constructor(core: EngineCore) {
    this.#core = core;
    this.chat = Object.freeze({ completions: new ChatCompletions(core) });
    this.completions = new Completions(core);
  }

  /** What is loaded, on what. */
  get info(): EngineInfo {
    return this.#core.info;
  }

  /**
   * Generates, in the engine's own terms. Starts at once; leaving the stream or the signal cancels.
   * Errors come from the stream: `invalid_request`, `context_too_long`, `out_of_kv`, `queue_full`, `aborted`,
   * `device_lost`, `gpu_error`, `disposed`.
   */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    return this.#core.generate(request, signal);
  }

  /**
   * Begins a conversation that keeps its tokens, or goes on with one that was stored.
   * @throws PagemindError `invalid_request` naming what is wrong with the options.
   */
  session(options?: SessionOptions): Session {
    return new Session(this.#core, options);
  }

  /** Logits of every position, `[ids.length, vocabSize]`; positions from `decodeFrom` on go through the decode path. */
  logits(ids: readonly number[], options?: LogitsOptions): Promise<Float32Array> {
    return this.#core.logits(ids, options);
  }

  /**
   * Log probability of every id but the first, given those before it: `[ids.length - 1]`. Perplexity is the exponential of
   * their negative mean.
   */
  logprobs(ids: readonly number[], options?: { readonly signal?: AbortSignal }): Promise<Float32Array> {
    return this.#core.logprobs(ids, options);
  }

  /** Keys and values that are still there, a few MB at a time; undefined when there are none. {@link Session.kv} asks for them. */
  readKv(query: KvQuery): Promise<KvPages | undefined> {
    return this.#core.readKv(query);
  }

  /** Takes in what {@link readKv} gave, also another engine of the same kind; false when it cannot be used. */
  writeKv(pages: KvPages): Promise<boolean> {
    return this.#core.writeKv(pages);
  }

  /** Text to token ids, by default with what the model puts around a text, e.g. BOS. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): Promise<number[]> {
    return this.#core.encode(text, options);
  }

  /** Token ids to text. */
  decode(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): Promise<string> {
    return this.#core.decode(ids, options);
  }

  /** What the engine is doing, and counters since its start. */
  stats(): Promise<EngineStats> {
    return this.#core.stats();
  }

  /** Ends all requests with `disposed` and frees the GPU's memory. Safe to call twice. */
  dispose(): Promise<void> {
    return this.#core.dispose();
  }
}
