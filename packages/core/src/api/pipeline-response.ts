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
  /** With `n` above 1: the further answers, in order. */
  readonly others?: readonly PipelineResponse[];
}

/**
 * A piece of an answer: `text`, `tokenIds` and `logprobs` are what is new. The last piece of an answer has a `finishReason`.
 */
export interface PipelineChunk extends Omit<PipelineResponse, 'inputTokenLen' | 'finishReason' | 'others'> {
  /** Which of the prompt's `n` answers, from 0. */
  readonly choice: number;
  /** So far. */
  readonly generateTokenLen: number;
  /** Null but in the last piece, as is `finishReason`. */
  readonly inputTokenLen: number | null;
  readonly finishReason: FinishReason | null;
}

/** What has come of an answer. */
interface Draft {
  text: string;
  readonly tokenIds: number[];
  logprobs: readonly TokenLogprobs[] | null;
}

/** The pieces of a generation, as they come; the whole response in the end. */
export async function* toPipelineChunks(
  events: AsyncIterable<GenerateEvent>,
  index: number,
): AsyncGenerator<PipelineChunk, PipelineResponse> {
  const drafts: Draft[] = [];
  const responses: PipelineResponse[] = [];
  for await (const event of events) {
    const choice = event.index;
    drafts[choice] ??= { text: '', tokenIds: [], logprobs: null };
    const draft = drafts[choice];
    if (event.type === 'end') {
      const { finishReason, usage } = event;
      const end = { index, generateTokenLen: draft.tokenIds.length, inputTokenLen: usage.promptTokens, finishReason };
      responses[choice] = { ...end, ...draft };
      yield { ...end, choice, text: '', tokenIds: [], logprobs: draft.logprobs && [] };
      continue;
    }
    const logprobs = event.logprobs?.map(toTokenLogprobs) ?? null;
    if (logprobs) draft.logprobs = [...(draft.logprobs ?? []), ...logprobs];
    draft.text += event.text;
    draft.tokenIds.push(...event.tokenIds);
    yield {
      index,
      choice,
      text: event.text,
      tokenIds: event.tokenIds,
      logprobs,
      generateTokenLen: draft.tokenIds.length,
      inputTokenLen: null,
      finishReason: null,
    };
  }
  const [first, ...others] = responses;
  invariant(first, 'a generation that does not fail has an end');
  return others.length === 0 ? first : { ...first, others };
}

function toTokenLogprobs(drawn: GeneratedLogprob): TokenLogprobs {
  return Object.fromEntries([...drawn.top, drawn].map(({ id, logprob }) => [id, logprob]));
}
