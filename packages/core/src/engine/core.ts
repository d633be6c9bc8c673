// The seam between the API classes and an engine: the local engine and the client of a worker both implement EngineCore.
// Everything that crosses it is plain, cloneable data. No behaviour here.
import type { KvType } from '@pagemind/kernels-wgsl';
import type { PagemindErrorCode } from '../errors.js';
import type { ImageInput } from '../image/image.js';
import type { RunnerCounters } from '../runner/runner.js';
import type { SamplingParams } from '../sampling/params.js';

/** What a tower takes, for those who process images themselves. */
export interface PixelValues {
  readonly kind: 'pixel_values';
  /** f32 `[numTiles, 3, side, side]`, normalised. */
  readonly values: Float32Array<ArrayBuffer>;
  readonly numTiles: number;
  /** Of the original, in pixels: families that tile a picture lay its rows out by it. */
  readonly originalSize?: { readonly width: number; readonly height: number };
}

/** An image of a prompt. */
export type PromptImage = ImageInput | PixelValues;

/** A part of a message. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly image: PromptImage };

/** A chat message in OpenAI's shape, reduced to text and images. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string | readonly ContentPart[];
  readonly name?: string;
  readonly [key: string]: unknown;
}

/** The start of a conversation as the model has seen it, token by token. */
export interface HeldTokens {
  /** Those of a prompt, and of the answer to it without the id that ended it. */
  readonly ids: readonly number[];
  /** Messages that they stand for. Where the last is the assistant's, it is that answer; else only the prompt is held. */
  readonly numMessages: number;
}

/** What to continue. */
export type Prompt =
  | {
      readonly kind: 'messages';
      readonly messages: readonly ChatMessage[];
      readonly templateOptions?: Readonly<Record<string, unknown>>;
      /** Goes on from these tokens where the template shows their messages as it did; else all are encoded anew. */
      readonly held?: HeldTokens;
    }
  | {
      readonly kind: 'text';
      /** Holds the model's image marker once for every image. */
      readonly text: string;
      readonly addSpecialTokens: boolean;
      readonly images?: readonly PromptImage[];
    }
  | {
      readonly kind: 'tokens';
      /** Hold the model's image token once for every row of the images. */
      readonly ids: readonly number[];
      readonly images?: readonly PromptImage[];
    };

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
  /** Give the ids of the prompt, in a delta before all others; default false. */
  readonly returnPromptIds?: boolean;
}

/** A stop id or stop string, or the longest length. A cancelled generation does not finish: it throws `aborted`. */
export type FinishReason = 'stop' | 'length';

/** Tokens that a generation took. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Of the prompt: not computed, because an earlier request had the same start. */
  readonly cachedTokens: number;
}

/** Times in milliseconds, measured where the engine runs. */
export interface RequestStats {
  /** From arrival until the first step that holds the request. */
  readonly queueMs: number;
  readonly timeToFirstTokenMs: number;
  readonly totalMs: number;
  /** Tokens of the prompt that had to be computed. */
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
}

/** A stream of these is a generation; `end` comes last, exactly once, unless the stream throws a PagemindError. */
export type GenerateEvent =
  | {
      readonly type: 'delta';
      readonly text: string;
      readonly tokenIds: readonly number[];
      readonly promptIds?: readonly number[];
    }
  | {
      readonly type: 'end';
      readonly finishReason: FinishReason;
      /** With `stop`: a stop id, which came last and is not in the text, or a stop string, at which the text was cut. */
      readonly stoppedBy?: 'token' | 'string';
      readonly usage: Usage;
      readonly stats: RequestStats;
    };

/** Bytes of each part of a loaded model. */
export interface MemoryUse {
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly activationBytes: number;
  /** Encoding images, and the cache of encoded ones; 0 for models that take none. */
  readonly imageBytes: number;
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
  /** How keys and values are stored. */
  readonly kvDtype: KvType;
  readonly memory: MemoryUse;
  /** Bytes of weights that a decode step reads. */
  readonly bytesPerToken: number;
  /** False: only token ids go in and out. */
  readonly hasTokenizer: boolean;
  readonly hasChatTemplate: boolean;
  /** Whether messages may hold images. */
  readonly takesImages: boolean;
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
  /** Blocks that hold nothing. */
  readonly numFreeBlocks: number;
  /** Blocks that no request uses, kept for those that begin alike until their place is needed. */
  readonly numCachedBlocks: number;
  /** Tokens in full blocks of requests, looked up when they took a slot; what was preempted counts again. */
  readonly numTokensLookedUp: number;
  /** Those of them that needed no computing. */
  readonly numTokensFound: number;
  readonly counters: RunnerCounters;
}

/** What {@link EngineCore.logits} may be told. */
export interface LogitsOptions {
  /** Positions from here on are computed one at a time; default: none. */
  readonly decodeFrom?: number;
  /** The images whose rows stand in the ids. */
  readonly images?: readonly PromptImage[];
  readonly signal?: AbortSignal;
}

/** An engine, wherever it runs. */
export interface EngineCore {
  readonly info: EngineInfo;
  /** Starts at once; ending the iteration early (or the signal) cancels the request and frees what it holds. */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  /** Logits of every position, `[ids.length, vocabSize]`; positions from `decodeFrom` on go through the decode path. */
  logits(ids: readonly number[], options?: LogitsOptions): Promise<Float32Array>;
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
