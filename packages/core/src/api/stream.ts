// What chat and text completions do alike with the events of a generation: gather them, or turn them into chunks.
import { AsyncQueue } from '../async-queue.js';
import type { FinishReason, GenerateEvent, RequestStats, Usage } from '../engine/core.js';
import { invariant } from '../errors.js';
import type { CompletionStats, CompletionUsage } from './types.js';

/** A whole answer. */
export interface Answer {
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly usage: CompletionUsage;
  readonly stats: CompletionStats;
}

/** Waits for the whole answer. */
export async function gather(events: AsyncIterable<GenerateEvent>): Promise<Answer> {
  let text = '';
  for await (const event of events) {
    if (event.type === 'delta') text += event.text;
    else return { text, finishReason: event.finishReason, usage: toUsage(event.usage), stats: toStats(event.stats) };
  }
  invariant(false, 'a generation that does not fail has an end');
}

/** How the chunks of a stream look. */
export interface ChunkShapes<Chunk> {
  /** Before any text. */
  readonly opening: readonly Chunk[];
  readonly text: (text: string) => Chunk;
  readonly finish: (reason: FinishReason) => Chunk;
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
    for (let next = await source.next(); !next.done; next = await source.next()) {
      for (const chunk of [...opening, ...chunksOf(next.value, shapes)]) chunks.push(chunk);
      opening = [];
    }
    chunks.end();
  };
  copy().catch((error) => chunks.fail(error));
  return chunks;
}

function chunksOf<Chunk>(event: GenerateEvent, shapes: ChunkShapes<Chunk>): Chunk[] {
  if (event.type === 'delta') return event.text === '' ? [] : [shapes.text(event.text)];
  const finish = shapes.finish(event.finishReason);
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
