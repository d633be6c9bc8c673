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
  /** f32 `[numTiles, 3, side, side]`, normalised; or patches. */
  readonly values: Float32Array<ArrayBuffer>;
  /** `high_res_pixel_values`: the same tiles for a second tower, where a model has one. */
  readonly highRes?: Float32Array<ArrayBuffer>;
  readonly numTiles: number;
  /** Of the original, in pixels: families that tile a picture lay its rows out by it. */
  readonly originalSize?: { readonly width: number; readonly height: number };
  /**
   * For families that take a picture in its own shape: the values are its patches in so many lines and columns
   * (`image_grid_thw`), f32 `[rows * cols, 3 * frames * patchSize²]`, as Hugging Face's processors lay them.
   */
  readonly patches?: { readonly rows: number; readonly cols: number };
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
  /** Added to the logits of tokens before all else, by id: from −100 to 100, for at most 300 tokens. */
  readonly logitBias?: Readonly<Record<number, number>>;
  /** Tokens that are never generated. */
  readonly badTokenIds?: readonly number[];
  /** Texts that no generated token contains. A text that no token contains cannot be banned, and is refused. */
  readonly badWords?: readonly string[];
  /** Give the log probabilities of generated tokens, and of this many of the most probable ones: 0 to 20. Missing: none. */
  readonly logprobs?: number;
  /** Leave special tokens out of the text; default true. */
  readonly skipSpecialTokens?: boolean;
  /**
   * A whole number, default 0. Of waiting requests those of the highest priority run first, and those of the lowest make
   * room first when the KV cache is full; of equal ones, whoever came first. None waits forever: see engine/urgency.ts.
   */
  readonly priority?: number;
  /**
   * Answers to give, default 1. They compute their prompt once, and sample each from a seed of its own: the request's seed
   * plus the answer's index.
   */
  readonly numChoices?: number;
  /** Give the ids of the prompt, in a delta before all others; default false. */
  readonly returnPromptIds?: boolean;
}

/**
 * A token and its log probability in the model's own distribution: before bias, penalties, bans, temperature and filters,
 * as OpenAI and vLLM have it.
 */
export interface TokenLogprob {
  readonly id: number;
  /** The token's own text. Bytes that are no character on their own show as U+FFFD; without a tokenizer it is empty. */
  readonly token: string;
  /** UTF-8, perhaps of a part of a character. */
  readonly bytes: readonly number[];
  /** −9999 at the least. */
  readonly logprob: number;
}

/** A token that was generated. */
export interface GeneratedLogprob extends TokenLogprob {
  /** The most probable tokens in its place, best first; it need not be one of them. */
  readonly top: readonly TokenLogprob[];
  /** Where its text begins: the characters of the answer that were certain before it. */
  readonly offset: number;
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
  /** Tokens that were proposed to the model; 0 unless the engine speculates. */
  readonly numProposed: number;
  /** Those of them that the model gave, too, so that they cost no step. */
  readonly numAccepted: number;
}

/**
 * A stream of these is a generation. Of every answer, `end` comes last, exactly once; the stream ends after the last of
 * them, unless it throws a PagemindError.
 */
export type GenerateEvent =
  | {
      readonly type: 'delta';
      /** Which answer this is a part of, from 0. */
      readonly index: number;
      readonly text: string;
      readonly tokenIds: readonly number[];
      /** Of each of `tokenIds`, where asked for. */
      readonly logprobs?: readonly GeneratedLogprob[];
      readonly promptIds?: readonly number[];
    }
  | {
      readonly type: 'end';
      readonly index: number;
      readonly finishReason: FinishReason;
      /** With `stop`: a stop id, which came last and is not in the text, or a stop string, at which the text was cut. */
      readonly stoppedBy?: 'token' | 'string';
      readonly usage: Usage;
      readonly stats: RequestStats;
    };

/** Bytes of each part of a loaded model, the KV pool as large as it may become. */
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
  /** How the checkpoint has its weights: as numbers, quantised by others' tools, or packed. Only numbers can be quantised. */
  readonly checkpointFormat: 'float' | 'quantized' | 'packed';
  /** How keys and values are stored. */
  readonly kvDtype: KvType;
  readonly memory: MemoryUse;
  /** Dispatches that made the weights what they are on the device: none when they were packed before. */
  readonly numConversions: number;
  /** Bytes of weights that a decode step reads. */
  readonly bytesPerToken: number;
  /** False: only token ids go in and out. */
  readonly hasTokenizer: boolean;
  readonly hasChatTemplate: boolean;
  /** How the model's family writes calls of tools, by the name that servers know it by; missing: not known to. */
  readonly toolFormat?: string;
  /** The same for thoughts before an answer. */
  readonly reasoningFormat?: string;
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
  /** Blocks of the pool as it is now: it grows while it is used, up to `numBlocks` of {@link EngineInfo}. */
  readonly numBlocks: number;
  /** Blocks that hold nothing. */
  readonly numFreeBlocks: number;
  /** Blocks that no request uses, kept for those that begin alike until their place is needed. */
  readonly numCachedBlocks: number;
  /** Tokens in full blocks of requests, looked up when they took a slot; what was preempted counts again. */
  readonly numTokensLookedUp: number;
  /** Those of them that needed no computing. */
  readonly numTokensFound: number;
  /** Requests that had to give their blocks to earlier ones, to be computed again later. */
  readonly numPreemptions: number;
  /** Tokens that were proposed to the model, and those of them that it gave, too. */
  readonly numProposed: number;
  readonly numAccepted: number;
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

/** Keys and values of blocks in a row, taken from an engine to be given to another one of the same kind. */
export interface KvPages {
  /** Names all that they depend on beside their tokens: model and weights, number formats, layout, device. */
  readonly origin: string;
  /** What the blocks of the sequence hold, from its start on, as far as they were there. */
  readonly keys: readonly string[];
  /** Index of the key of the first of these blocks, and their number. */
  readonly firstBlock: number;
  readonly numBlocks: number;
  /** `[numBlocks, blockBytes]` */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Whose keys and values to read: those of a prompt's start, or what follows pages that were read. */
export type KvQuery = { readonly prompt: Prompt } | { readonly keys: readonly string[]; readonly firstBlock: number };

/** An engine, wherever it runs. */
export interface EngineCore {
  readonly info: EngineInfo;
  /** Starts at once; ending the iteration early (or the signal) cancels the request and frees what it holds. */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  /** Logits of every position, `[ids.length, vocabSize]`; positions from `decodeFrom` on go through the decode path. */
  logits(ids: readonly number[], options?: LogitsOptions): Promise<Float32Array>;
  /**
   * Log probability of every id but the first, given those before it. One number per id is brought back from the GPU, so that
   * texts of any length cost no memory.
   */
  logprobs(ids: readonly number[], options?: { readonly signal?: AbortSignal }): Promise<Float32Array>;
  /** Keys and values that are still there, a few MB at a time; undefined when there are none (any more). */
  readKv(query: KvQuery): Promise<KvPages | undefined>;
  /**
   * Puts pages into free or long unused blocks, where prompts find them. False, and nothing happens, when they are of another
   * kind of engine, do not continue what is there, or find no room.
   */
  writeKv(pages: KvPages): Promise<boolean>;
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): Promise<number[]>;
  decode(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): Promise<string>;
  stats(): Promise<EngineStats>;
  /** Ends all requests with `disposed` and frees the GPU's memory. Safe to call twice. */
  dispose(): Promise<void>;
}

/** Progress of loading a model. */
export interface LoadProgress {
  /** `download` takes the place of `weights` while anything comes from a hub: the weights follow it onto the GPU. */
  readonly phase: 'files' | 'download' | 'weights' | 'compile' | 'ready';
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** Of the last seconds; missing until it is known. */
  readonly bytesPerSecond?: number;
  /** What the rest of the bytes will take at that rate. */
  readonly secondsLeft?: number;
  /** One short line for people. */
  readonly text: string;
}

/** A PagemindError as plain data, for seams that clone. */
export interface ErrorData {
  readonly code: PagemindErrorCode;
  readonly message: string;
  readonly hint?: string;
}
