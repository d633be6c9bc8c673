// What chat and text completions do alike with the events of a generation: gather them, or turn them into chunks.
import { AsyncQueue } from '../async-queue.js';
import type { FinishReason, GeneratedLogprob, GenerateEvent, RequestStats, Usage } from '../engine/core.js';
import { invariant } from '../errors.js';
import { ContentTokens } from './logprobs.js';
import type { CompletionStats, CompletionUsage } from './types.js';

/** A whole answer. */
export interface Answer {
  readonly text: string;
  /** Of the text's tokens; none unless asked for. */
  readonly logprobs: readonly GeneratedLogprob[];
  readonly finishReason: FinishReason;
  readonly usage: CompletionUsage;
  readonly stats: CompletionStats;
}

/** Waits for the whole answer. */
export async function gather(events: AsyncIterable<GenerateEvent>): Promise<Answer> {
  let text = '';
  const tokens = new ContentTokens();
  const logprobs: GeneratedLogprob[] = [];
  for await (const event of events) {
    logprobs.push(...tokens.push(event));
    if (event.type === 'delta') {
      text += event.text;
      continue;
    }
    const { finishReason, usage, stats } = event;
    return { text, logprobs, finishReason, usage: toUsage(usage), stats: toStats(stats) };
  }
  invariant(false, 'a generation that does not fail has an end');
}

/** How the chunks of a stream look. */
export interface ChunkShapes<Chunk> {
  /** Before any text. */
  readonly opening: readonly Chunk[];
  readonly text: (text: string, logprobs: readonly GeneratedLogprob[]) => Chunk;
  readonly finish: (reason: FinishReason, logprobs: readonly GeneratedLogprob[]) => Chunk;
  /** Missing: not asked for. */
  readonly usage?: (usage: CompletionUsage, stats: CompletionStats) => Chunk;
}

/** Chunks of a generation. Whoever leaves the stream, even unread, cancels the generation. */
export function toChunks<Chunk extends object>(
  events: AsyncIterable<GenerateEvent>,
  shapes: ChunkShapes<Chunk>,
): AsyncIterable<Chunk> {
  const source = events[Symbol.asyncIterator]();
  const chunks = new AsyncQueue<Chunk>(() => void source.return?.());
  const copy = async (): Promise<void> => {
    // A request that is refused fails before its first chunk.
    let opening = shapes.opening;
    const tokens = new ContentTokens();
    for (let next = await source.next(); !next.done; next = await source.next()) {
      for (const chunk of [...opening, ...chunksOf(next.value, tokens.push(next.value), shapes)]) chunks.push(chunk);
      opening = [];
    }
    chunks.end();
  };
  copy().catch((error) => chunks.fail(error));
  return chunks;
}

function chunksOf<Chunk>(
  event: GenerateEvent,
  logprobs: readonly GeneratedLogprob[],
  shapes: ChunkShapes<Chunk>,
): Chunk[] {
  // Without new text no token is new either.
  if (event.type === 'delta') return event.text === '' ? [] : [shapes.text(event.text, logprobs)];
  const finish = shapes.finish(event.finishReason, logprobs);
  return shapes.usage ? [finish, shapes.usage(toUsage(event.usage), toStats(event.stats))] : [finish];
}

/** Id and time of an answer, the same in all its chunks. */
export function newIdentity(prefix: string): { readonly id: string; readonly created: number } {
  return { id: `${prefix}-${crypto.randomUUID().replaceAll('-', '')}`, created: Math.floor(Date.now() / 1000) };
}

function toUsage({ promptTokens, completionTokens, cachedTokens }: Usage): CompletionUsage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

function toStats(stats: RequestStats): CompletionStats {
  return {
    queue_ms: stats.queueMs,
    time_to_first_token_ms: stats.timeToFirstTokenMs,
    total_ms: stats.totalMs,
    prefill_tokens_per_second: stats.prefillTokensPerSecond,
    decode_tokens_per_second: stats.decodeTokensPerSecond,
  };
}
