// What comes out of a pipeline: LMDeploy's responses, and the pieces they come in. How generations are started, and how
// many, is not decided here.
import type { FinishReason, GeneratedLogprob, GenerateEvent } from '../engine/core.js';
import { invariant } from '../errors.js';

/** Log probabilities by token id, before penalties, bans, temperature and filters. */
export type TokenLogprobs = Readonly<Record<number, number>>;

/** The answer to one prompt. */
export interface PipelineResponse {
  /** Which prompt of the list; 0 for one alone. */
  readonly index: number;
  readonly text: string;
  readonly tokenIds: readonly number[];
  /** For each of `tokenIds` the log probabilities, by id, of the most probable tokens and of itself; null unless asked for. */
  readonly logprobs: readonly TokenLogprobs[] | null;
  readonly generateTokenLen: number;
  readonly inputTokenLen: number;
  readonly finishReason: FinishReason;
}

/** A piece of an answer: `text`, `tokenIds` and `logprobs` are what is new. The last piece of a prompt has a `finishReason`. */
export interface PipelineChunk extends Omit<PipelineResponse, 'inputTokenLen' | 'finishReason'> {
  /** So far. */
  readonly generateTokenLen: number;
  /** Null but in the last piece, as is `finishReason`. */
  readonly inputTokenLen: number | null;
  readonly finishReason: FinishReason | null;
}

/** The pieces of a generation, as they come; the whole response in the end. */
export async function* toPipelineChunks(
  events: AsyncIterable<GenerateEvent>,
  index: number,
): AsyncGenerator<PipelineChunk, PipelineResponse> {
  let text = '';
  const tokenIds: number[] = [];
  const logprobs: TokenLogprobs[] = [];
  let isTold = false;
  for await (const event of events) {
    if (event.type === 'end') {
      const { finishReason, usage } = event;
      const end = { index, generateTokenLen: tokenIds.length, inputTokenLen: usage.promptTokens, finishReason };
      yield { ...end, text: '', tokenIds: [], logprobs: isTold ? [] : null };
      return { ...end, text, tokenIds, logprobs: isTold ? logprobs : null };
    }
    const piece = event.logprobs?.map(toTokenLogprobs) ?? null;
    isTold ||= piece !== null;
    logprobs.push(...(piece ?? []));
    text += event.text;
    tokenIds.push(...event.tokenIds);
    yield {
      index,
      text: event.text,
      tokenIds: event.tokenIds,
      logprobs: piece,
      generateTokenLen: tokenIds.length,
      inputTokenLen: null,
      finishReason: null,
    };
  }
  invariant(false, 'a generation that does not fail has an end');
}

function toTokenLogprobs(drawn: GeneratedLogprob): TokenLogprobs {
  return Object.fromEntries([...drawn.top, drawn].map(({ id, logprob }) => [id, logprob]));
}
