// What chat and text completions do alike with the events of a generation: gather them, or turn them into chunks.
import { AsyncQueue } from '../async-queue.js';
import type { FinishReason, GeneratedLogprob, GenerateEvent, RequestStats, Usage } from '../engine/core.js';
import { invariant } from '../errors.js';
import { ContentTokens } from './logprobs.js';
import type { CompletionStats, CompletionUsage } from './types.js';

/** A whole answer. */
export interface Answer {
  readonly index: number;
  readonly text: string;
  /** Of the text's tokens; none unless asked for. */
  readonly logprobs: readonly GeneratedLogprob[];
  readonly finishReason: FinishReason;
}

/** All answers of a request. */
export interface Answers {
  readonly answers: readonly [Answer, ...Answer[]];
  readonly usage: CompletionUsage;
  readonly stats: CompletionStats;
}

/** Waits for the whole answers. */
export async function gather(events: AsyncIterable<GenerateEvent>): Promise<Answers> {
  const drafts: { text: string; readonly tokens: ContentTokens; readonly logprobs: GeneratedLogprob[] }[] = [];
  const ends: EndEvent[] = [];
  for await (const event of events) {
    const { index } = event;
    drafts[index] ??= { text: '', tokens: new ContentTokens(), logprobs: [] };
    const draft = drafts[index];
    draft.logprobs.push(...draft.tokens.push(event));
    if (event.type === 'delta') draft.text += event.text;
    else ends[index] = event;
  }
  const [first, ...others] = ends.map(({ index, finishReason }) => {
    const { text = '', logprobs = [] } = drafts[index] ?? {};
    return { index, text, logprobs, finishReason };
  });
  invariant(first, 'a generation that does not fail has an end');
  return { answers: [first, ...others], ...together(ends) };
}

/** How the chunks of a stream look. */
export interface ChunkShapes<Chunk> {
  /** Before any text of an answer. */
  readonly opening: (index: number) => readonly Chunk[];
  readonly text: (index: number, text: string, logprobs: readonly GeneratedLogprob[]) => Chunk;
  readonly finish: (index: number, reason: FinishReason, logprobs: readonly GeneratedLogprob[]) => Chunk;
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
    const tokens: ContentTokens[] = [];
    const ends: EndEvent[] = [];
    for (let next = await source.next(); !next.done; next = await source.next()) {
      const event = next.value;
      const { index } = event;
      // A request that is refused fails before its first chunk.
      const opening = tokens[index] ? [] : shapes.opening(index);
      tokens[index] ??= new ContentTokens();
      if (event.type === 'end') ends[index] = event;
      for (const chunk of [...opening, ...chunksOf(event, tokens[index].push(event), shapes)]) chunks.push(chunk);
    }
    if (shapes.usage) {
      const { usage, stats } = together(ends);
      chunks.push(shapes.usage(usage, stats));
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
  if (event.type === 'end') return [shapes.finish(event.index, event.finishReason, logprobs)];
  // Without new text no token is new either.
  return event.text === '' ? [] : [shapes.text(event.index, event.text, logprobs)];
}

type EndEvent = Extract<GenerateEvent, { readonly type: 'end' }>;

/**
 * What all answers of a request took. They have their prompt in common, and the first computes it; the request lasts until
 * the last has ended, and the tokens of all make its speed.
 */
function together(ends: readonly EndEvent[]): { readonly usage: CompletionUsage; readonly stats: CompletionStats } {
  const [first] = ends;
  invariant(first, 'a generation that does not fail has an end');
  const sum = (numberOf: (end: EndEvent) => number): number => ends.reduce((total, end) => total + numberOf(end), 0);
  return {
    usage: toUsage(
      { ...first.usage, completionTokens: sum(({ usage }) => usage.completionTokens) },
      sum(({ stats }) => stats.numProposed),
      sum(({ stats }) => stats.numAccepted),
    ),
    stats: toStats({
      ...first.stats,
      totalMs: Math.max(...ends.map(({ stats }) => stats.totalMs)),
      decodeTokensPerSecond: sum(({ stats }) => stats.decodeTokensPerSecond),
    }),
  };
}

/** Id and time of an answer, the same in all its chunks. */
export function newIdentity(prefix: string): { readonly id: string; readonly created: number } {
  return { id: `${prefix}-${crypto.randomUUID().replaceAll('-', '')}`, created: Math.floor(Date.now() / 1000) };
}

function toUsage(
  { promptTokens, completionTokens, cachedTokens }: Usage,
  numProposed: number,
  numAccepted: number,
): CompletionUsage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: {
      accepted_prediction_tokens: numAccepted,
      rejected_prediction_tokens: numProposed - numAccepted,
    },
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
