// The shapes of OpenAI's chat and text completions, as far as this library has them, with its own fields marked as such.
// Types alone; what a caller really gave is checked in validate.ts.
import type { ImageSource } from '../image/image-input.js';

/** A part of a message: text, or an image for models that take them. */
export type MessagePart =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'image_url';
      /** An `http(s):`, `data:` or `blob:` URL, or one relative to the page. `detail` changes nothing. */
      readonly image_url: { readonly url: string; readonly detail?: 'auto' | 'low' | 'high' };
    }
  /** Own part: a file, a canvas, pixels, whatever shows an image. */
  | { readonly type: 'image'; readonly image: ImageSource };

/** What a message says. */
export type MessageContent = string | readonly MessagePart[];

/** A message of a conversation, in OpenAI's shape. */
export interface ChatCompletionMessage {
  /** `developer` is read as `system`. */
  readonly role: 'system' | 'developer' | 'user' | 'assistant';
  readonly content: MessageContent;
  readonly name?: string;
}

/** Fields that chat and text completions share. Where one is missing or null, the model's own default holds. */
export interface CompletionOptions {
  /** Any name: the loaded model answers, and its name is in the answer. */
  readonly model?: string;
  readonly max_tokens?: number | null;
  /** Answers to give, 1 to 128; default 1. Each is sampled from a seed of its own: `seed` plus its index. */
  readonly n?: number | null;
  /** Text that ends the answer and is not part of it. */
  readonly stop?: string | readonly string[] | null;
  readonly stream?: boolean | null;
  readonly stream_options?: { readonly include_usage?: boolean } | null;
  /** 0 (greedy) to 2. */
  readonly temperature?: number | null;
  /** 0 to 1. */
  readonly top_p?: number | null;
  /** Equal seeds give equal answers; missing: another one each time. */
  readonly seed?: number | null;
  /** -2 to 2. */
  readonly presence_penalty?: number | null;
  /** -2 to 2. */
  readonly frequency_penalty?: number | null;
  /** Own field. Only the most probable tokens, this many; 0 is all. */
  readonly top_k?: number | null;
  /** Own field. Only tokens at least this share as probable as the most probable one; 0 to 1. */
  readonly min_p?: number | null;
  /** Own field. Over prompt and answer; 1 is off. */
  readonly repetition_penalty?: number | null;
  /** Own field. Go on after the model's end of text. */
  readonly ignore_eos?: boolean | null;
  /** Own field. The answer does not end of its own accord before this many tokens. */
  readonly min_new_tokens?: number | null;
  /**
   * Own field. A whole number, default 0: of waiting requests those of the highest priority run first. None waits forever.
   */
  readonly priority?: number | null;
  /** Added to the logits of tokens before all else, by id: from -100 to 100, for at most 300 tokens. */
  readonly logit_bias?: Readonly<Record<string, number>> | null;
  /** Own field. Further tokens that end the answer. */
  readonly stop_token_ids?: readonly number[] | null;
  /** Own field. Tokens that are never generated. */
  readonly bad_token_ids?: readonly number[] | null;
  /** Own field. Texts that no generated token contains. */
  readonly bad_words?: readonly string[] | null;
  /** Own field. Leave special tokens out of the text; default true. */
  readonly skip_special_tokens?: boolean | null;
}

/** What {@link ChatCompletions.create} takes. */
export interface ChatCompletionRequest extends CompletionOptions {
  readonly messages: readonly ChatCompletionMessage[];
  /** Give the log probabilities of the answer's tokens; see {@link ChatLogprobs}. */
  readonly logprobs?: boolean | null;
  /** With `logprobs`: and those of this many of the most probable tokens in their places, 0 to 20. */
  readonly top_logprobs?: number | null;
  /** Missing, together with `max_tokens`: as many as the session holds. */
  readonly max_completion_tokens?: number | null;
  /** Own field. Further variables of the chat template, e.g. `{ enable_thinking: false }`. */
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>> | null;
}

/** What {@link Completions.create} takes. `max_tokens` is 16 when missing, as OpenAI has it. */
export interface CompletionRequest extends CompletionOptions {
  /** A text, or the ids of its tokens. */
  readonly prompt: string | readonly number[];
  /** Give the log probabilities of the answer's tokens, and of this many of the most probable ones, 0 to 5. */
  readonly logprobs?: number | null;
}

/** `stop`: a stop string or the model's end of text; `length`: the longest answer. */
export type CompletionFinishReason = 'stop' | 'length';

/** Tokens that a request took: its prompt once, and all of its answers. */
export interface CompletionUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  /** Tokens that were guessed ahead (`speculative`), right and wrong ones; the wrong ones are no part of the answer. */
  readonly completion_tokens_details: {
    readonly accepted_prediction_tokens: number;
    readonly rejected_prediction_tokens: number;
  };
}

/** Own field. How long the request took where the engine runs. */
export interface CompletionStats {
  /** From arrival until the GPU was given the request. */
  readonly queue_ms: number;
  readonly time_to_first_token_ms: number;
  readonly total_ms: number;
  readonly prefill_tokens_per_second: number;
  readonly decode_tokens_per_second: number;
}

/** A token and its log probability, in the model's own distribution: before bias, penalties, bans, temperature and filters. */
export interface ChatTokenLogprob {
  /** Bytes that are no character on their own show as U+FFFD. */
  readonly token: string;
  readonly logprob: number;
  /** UTF-8; those of tokens that share a character have to be put together. */
  readonly bytes: readonly number[];
}

/** The tokens of an answer or a piece of it, without the one that ended it or a stop string. */
export interface ChatLogprobs {
  readonly content: readonly (ChatTokenLogprob & { readonly top_logprobs: readonly ChatTokenLogprob[] })[];
  readonly refusal: null;
}

/** The same in the shape of text completions: lists of equal length. */
export interface CompletionLogprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
  /** The most probable tokens and the one generated. */
  readonly top_logprobs: readonly Readonly<Record<string, number>>[];
  /** Where in the whole `text` the tokens begin. */
  readonly text_offset: readonly number[];
}

/** One of the answers to a conversation. */
export interface ChatCompletionChoice {
  readonly index: number;
  readonly message: { readonly role: 'assistant'; readonly content: string; readonly refusal: null };
  readonly logprobs: ChatLogprobs | null;
  readonly finish_reason: CompletionFinishReason;
}

/** A whole answer. */
export interface ChatCompletion {
  readonly id: string;
  readonly object: 'chat.completion';
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  /** As many as `n` said, in order. */
  readonly choices: readonly [ChatCompletionChoice, ...ChatCompletionChoice[]];
  readonly usage: CompletionUsage;
  readonly stats: CompletionStats;
}

/** One event of a streamed chat completion. */
export interface ChatCompletionChunk {
  readonly id: string;
  readonly object: 'chat.completion.chunk';
  readonly created: number;
  readonly model: string;
  /** Empty in the chunk that carries the usage. */
  readonly choices: readonly {
    readonly index: number;
    readonly delta: { readonly role?: 'assistant'; readonly content?: string };
    readonly logprobs: ChatLogprobs | null;
    readonly finish_reason: CompletionFinishReason | null;
  }[];
  /** With `include_usage`: null but in the last chunk. */
  readonly usage?: CompletionUsage | null;
  /** Beside the usage. */
  readonly stats?: CompletionStats;
}

/** One of the continuations of a text. */
export interface CompletionChoice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: CompletionLogprobs | null;
  readonly finish_reason: CompletionFinishReason;
}

/** A whole continuation of a text. */
export interface Completion {
  readonly id: string;
  readonly object: 'text_completion';
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  /** As many as `n` said, in order. */
  readonly choices: readonly [CompletionChoice, ...CompletionChoice[]];
  readonly usage: CompletionUsage;
  readonly stats: CompletionStats;
}

/** One event of a streamed text completion. */
export interface CompletionChunk {
  readonly id: string;
  readonly object: 'text_completion';
  readonly created: number;
  readonly model: string;
  /** Empty in the chunk that carries the usage. */
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly logprobs: CompletionLogprobs | null;
    readonly finish_reason: CompletionFinishReason | null;
  }[];
  /** With `include_usage`: null but in the last chunk. */
  readonly usage?: CompletionUsage | null;
  /** Beside the usage. */
  readonly stats?: CompletionStats;
}

/** Second argument of `create`. */
export interface CallOptions {
  /** Cancels the request: the call or its stream throws `aborted`. */
  readonly signal?: AbortSignal;
}
