// What comes out of a pipeline: LMDeploy's responses, and the pieces they come in. How generations are started, and how
// many, is not decided here.
import type { FinishReason, GenerateEvent } from '../engine/core.js';
import { invariant } from '../errors.js';

/** The answer to one prompt. */
export interface PipelineResponse {
  /** Which prompt of the list; 0 for one alone. */
  readonly index: number;
  readonly text: string;
  readonly tokenIds: readonly number[];
  readonly generateTokenLen: number;
  readonly inputTokenLen: number;
  readonly finishReason: FinishReason;
}

/** A piece of an answer: `text` and `tokenIds` are what is new. The last piece of a prompt has a `finishReason`. */
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
  for await (const event of events) {
    if (event.type === 'end') {
      const { finishReason, usage } = event;
      const end = { index, generateTokenLen: tokenIds.length, inputTokenLen: usage.promptTokens, finishReason };
      yield { ...end, text: '', tokenIds: [] };
      return { ...end, text, tokenIds };
    }
    text += event.text;
    tokenIds.push(...event.tokenIds);
    yield {
      index,
      text: event.text,
      tokenIds: event.tokenIds,
      generateTokenLen: tokenIds.length,
      inputTokenLen: null,
      finishReason: null,
    };
  }
  invariant(false, 'a generation that does not fail has an end');
}
