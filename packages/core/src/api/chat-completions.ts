// Chat completions in OpenAI's shape over any engine: validates, hands plain data on, shapes what comes back.
import type { EngineCore, GeneratedLogprob } from '../engine/core.js';
import { invariant } from '../errors.js';
import { toChatLogprobs } from './logprobs.js';
import { toSendable } from './sendable.js';
import { type Answer, gather, newIdentity, toChunks } from './stream.js';
import type {
  CallOptions,
  ChatCompletion,
  ChatCompletionChoice,
  ChatCompletionChunk,
  ChatCompletionRequest,
} from './types.js';
import { validateChatCompletion } from './validate.js';

export class ChatCompletions {
  readonly #core: EngineCore;

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /**
   * Answers a conversation; with `stream: true` as a stream of chunks that can be left at any time.
   * @throws PagemindError `invalid_request`, `context_too_long`, `queue_full`, `aborted`, … at once or from the stream.
   */
  create(
    body: ChatCompletionRequest & { readonly stream: true },
    options?: CallOptions,
  ): Promise<AsyncIterable<ChatCompletionChunk>>;
  create(
    body: ChatCompletionRequest & { readonly stream?: false | null },
    options?: CallOptions,
  ): Promise<ChatCompletion>;
  create(
    body: ChatCompletionRequest,
    options?: CallOptions,
  ): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>>;
  async create(
    body: ChatCompletionRequest,
    { signal }: CallOptions = {},
  ): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>> {
    const { request, stream, includeUsage } = validateChatCompletion(body);
    const prompt = await toSendable(request.prompt);
    const events = this.#core.generate({ ...request, prompt }, signal);
    const head = { ...newIdentity('chatcmpl'), model: this.#core.info.model };
    if (stream) return streamOf(head, events, includeUsage);
    const { answers, usage, stats } = await gather(events);
    const [first, ...others] = answers.map((answer) => choiceOf(answer, request.logprobs !== undefined));
    invariant(first, 'a generation has an answer');
    return { ...head, object: 'chat.completion', choices: [first, ...others], usage, stats };
  }
}

function choiceOf({ index, text, logprobs, finishReason }: Answer, tellsLogprobs: boolean): ChatCompletionChoice {
  const message = { role: 'assistant', content: text, refusal: null } as const;
  return {
    index,
    message,
    logprobs: tellsLogprobs ? toChatLogprobs(logprobs) : null,
    finish_reason: finishReason,
  };
}

function streamOf(
  { id, created, model }: Pick<ChatCompletion, 'id' | 'created' | 'model'>,
  events: ReturnType<EngineCore['generate']>,
  includeUsage: boolean,
): AsyncIterable<ChatCompletionChunk> {
  const head = { id, object: 'chat.completion.chunk', created, model } as const;
  const noUsage = includeUsage ? { usage: null } : {};
  type Choice = ChatCompletionChunk['choices'][number];
  const chunk = (
    index: number,
    delta: Choice['delta'],
    tokens: readonly GeneratedLogprob[],
    finish: Choice['finish_reason'] = null,
  ): ChatCompletionChunk => ({
    ...head,
    choices: [{ index, delta, logprobs: tokens.length > 0 ? toChatLogprobs(tokens) : null, finish_reason: finish }],
    ...noUsage,
  });
  return toChunks<ChatCompletionChunk>(events, {
    opening: (index) => [chunk(index, { role: 'assistant', content: '' }, [])],
    text: (index, content, tokens) => chunk(index, { content }, tokens),
    finish: (index, reason, tokens) => chunk(index, {}, tokens, reason),
    ...(includeUsage && { usage: (usage, stats) => ({ ...head, choices: [], usage, stats }) }),
  });
}
