// Text completions in OpenAI's shape over any engine; a prompt may also be token ids.
import type { EngineCore, GeneratedLogprob } from '../engine/core.js';
import { invariant } from '../errors.js';
import { toCompletionLogprobs } from './logprobs.js';
import { type Answer, gather, newIdentity, toChunks } from './stream.js';
import type { CallOptions, Completion, CompletionChoice, CompletionChunk, CompletionRequest } from './types.js';
import { validateCompletion } from './validate.js';

export class Completions {
  readonly #core: EngineCore;

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /**
   * Continues a text; with `stream: true` as a stream of chunks that can be left at any time.
   * @throws PagemindError `invalid_request`, `context_too_long`, `queue_full`, `aborted`, … at once or from the stream.
   */
  create(
    body: CompletionRequest & { readonly stream: true },
    options?: CallOptions,
  ): Promise<AsyncIterable<CompletionChunk>>;
  create(body: CompletionRequest & { readonly stream?: false | null }, options?: CallOptions): Promise<Completion>;
  create(body: CompletionRequest, options?: CallOptions): Promise<Completion | AsyncIterable<CompletionChunk>>;
  async create(
    body: CompletionRequest,
    { signal }: CallOptions = {},
  ): Promise<Completion | AsyncIterable<CompletionChunk>> {
    const { request, stream, includeUsage } = validateCompletion(body);
    const events = this.#core.generate(request, signal);
    const head = { ...newIdentity('cmpl'), object: 'text_completion', model: this.#core.info.model } as const;
    if (stream) return streamOf(head, events, includeUsage);
    const { answers, usage, stats } = await gather(events);
    const [first, ...others] = answers.map((answer) => choiceOf(answer, request.logprobs !== undefined));
    invariant(first, 'a generation has an answer');
    return { ...head, choices: [first, ...others], usage, stats };
  }
}

function choiceOf({ index, text, logprobs, finishReason }: Answer, tellsLogprobs: boolean): CompletionChoice {
  return {
    index,
    text,
    logprobs: tellsLogprobs ? toCompletionLogprobs(logprobs) : null,
    finish_reason: finishReason,
  };
}

function streamOf(
  head: Pick<CompletionChunk, 'id' | 'object' | 'created' | 'model'>,
  events: ReturnType<EngineCore['generate']>,
  includeUsage: boolean,
): AsyncIterable<CompletionChunk> {
  const noUsage = includeUsage ? { usage: null } : {};
  type Finish = CompletionChunk['choices'][number]['finish_reason'];
  const chunk = (
    index: number,
    text: string,
    tokens: readonly GeneratedLogprob[],
    finish: Finish,
  ): CompletionChunk => ({
    ...head,
    choices: [
      { index, text, logprobs: tokens.length > 0 ? toCompletionLogprobs(tokens) : null, finish_reason: finish },
    ],
    ...noUsage,
  });
  return toChunks<CompletionChunk>(events, {
    opening: () => [],
    text: (index, text, tokens) => chunk(index, text, tokens, null),
    finish: (index, reason, tokens) => chunk(index, '', tokens, reason),
    ...(includeUsage && { usage: (usage, stats) => ({ ...head, choices: [], usage, stats }) }),
  });
}
