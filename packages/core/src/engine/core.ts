// The seam between the API classes and an engine: the local engine and the client of a worker both implement EngineCore.
// Everything that crosses it is plain, cloneable data. No behaviour here.
import type { PagemindErrorCode } from '../errors.js';
import type { RunnerCounters } from '../runner/runner.js';
import type { SamplingParams } from '../sampling/params.js';

/** A chat message in OpenAI's shape, reduced to text. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
  readonly [key: string]: unknown;
}

/** What to continue. */
export type Prompt =
  | {
      readonly kind: 'messages';
      readonly messages: readonly ChatMessage[];
      readonly templateOptions?: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'text'; readonly text: string; readonly addSpecialTokens: boolean }
  | { readonly kind: 'tokens'; readonly ids: readonly number[] };

/** One generation; immutable. */
export interface GenerateRequest {
  readonly prompt: Prompt;
  /** Missing values take the model's generation_config.json, then the library's defaults. */
  readonly sampling: Partial<SamplingParams>;
  /** Missing: as many as the session allows. */
  readonly maxNewTokens?: number;
  readonly minNewTokens?: number;
  /** Text that ends the answer; not part of it. Any number of tokens long. */
  readonly stopStrings?: readonly string[];
  /** Further ids that end the answer, beside the model's own. */
  readonly stopTokenIds?: readonly number[];
  readonly ignoreEos?: boolean;
  /** Leave special tokens out of the text; default true. */
  readonly skipSpecialTokens?: boolean;
}

/** A stop id or stop string, or the longest length. A cancelled generation does not finish: it throws `aborted`. */
export type FinishReason = 'stop' | 'length';

/** Tokens that a generation took. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

/** Times in milliseconds, measured where the engine runs. */
export interface RequestStats {
  /** From arrival until the first step that holds the request. */
  readonly queueMs: number;
  readonly timeToFirstTokenMs: number;
  readonly totalMs: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
}

/** A stream of these is a generation; `end` comes last, exactly once, unless the stream throws a PagemindError. */
export type GenerateEvent =
  | { readonly type: 'delta'; readonly text: string; readonly tokenIds: readonly number[] }
  | { readonly type: 'end'; readonly finishReason: FinishReason; readonly usage: Usage; readonly stats: RequestStats };

/** Bytes of each part of a loaded model. */
export interface MemoryUse {
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly activationBytes: number;
  readonly totalBytes: number;
}

/** What is loaded, on what. */
export interface EngineInfo {
  readonly model: string;
  /** `model_type` of config.json. */
  readonly family: string;
  readonly architecture: string;
  readonly sessionLen: number;
  readonly vocabSize: number;
  readonly maxBatchSize: number;
  readonly numBlocks: number;
  readonly blockSize: number;
  readonly weightFormat: string;
  readonly kvDtype: 'f16' | 'f32';
  readonly memory: MemoryUse;
  /** Bytes of weights that a decode step reads. */
  readonly bytesPerToken: number;
  /** False: only token ids go in and out. */
  readonly hasTokenizer: boolean;
  readonly hasChatTemplate: boolean;
  readonly adapter: {
    readonly vendor: string;
    readonly architecture: string;
    readonly isCpu: boolean;
    readonly features: readonly string[];
  };
}

/** What an engine is doing now, and its counters since the start. */
export interface EngineStats {
  readonly numRunning: number;
  readonly numWaiting: number;
  readonly numFreeBlocks: number;
  readonly counters: RunnerCounters;
}

/** An engine, wherever it runs. */
export interface EngineCore {
  readonly info: EngineInfo;
  /** Starts at once; ending the iteration early (or the signal) cancels the request and frees what it holds. */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  /** Logits of every position, `[ids.length, vocabSize]`; positions from `decodeFrom` on go through the decode path. */
  logits(
    ids: readonly number[],
    options?: { readonly decodeFrom?: number; readonly signal?: AbortSignal },
  ): Promise<Float32Array>;
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): Promise<number[]>;
  decode(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): Promise<string>;
  stats(): Promise<EngineStats>;
  /** Ends all requests with `disposed` and frees the GPU's memory. Safe to call twice. */
  dispose(): Promise<void>;
}

/** Progress of loading a model. */
export interface LoadProgress {
  readonly phase: 'files' | 'weights' | 'compile' | 'ready';
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** One short line for people. */
  readonly text: string;
}

/** A PagemindError as plain data, for seams that clone. */
export interface ErrorData {
  readonly code: PagemindErrorCode;
  readonly message: string;
  readonly hint?: string;
}
