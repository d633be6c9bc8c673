// What several requests at once do to speed and latency: one row per number of clients, each asking one question after
// another. The clients share the first half of their prompts, as the users of one page do.
import type { Engine, GenerateEvent } from '@pagemind/core/node';

/** What `clients` at once were served. Times in milliseconds. */
export interface ConcurrencyRow {
  readonly concurrency: number;
  /** Of all clients together, while all of them were being answered. */
  readonly decodeTokensPerSecond: number;
  /** Median time to the first token. */
  readonly ttftMs: number;
  /** Between two tokens of an answer. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Share of the prompts' full blocks that needed no computing. */
  readonly prefixHitRate: number;
  readonly preemptions: number;
}

/** Tokens of an answer with the time of their arrival. */
interface Answer {
  readonly start: number;
  readonly arrivals: readonly { readonly at: number; readonly numTokens: number }[];
}

/** Requests of each client, the first of which fills pipelines and caches and is not counted. */
const ROUNDS = 2;

export async function measureConcurrency(
  engine: Engine,
  levels: readonly number[],
  numPrompt: number,
  numNew: number,
): Promise<readonly ConcurrencyRow[]> {
  const rows: ConcurrencyRow[] = [];
  for (const level of levels) {
    const before = await engine.stats();
    let answers: readonly Answer[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const clients = Array.from({ length: level }, (_, client) => promptOf(engine, numPrompt, level, client, round));
      answers = await Promise.all(clients.map((ids) => ask(engine, ids, numNew)));
    }
    const after = await engine.stats();
    const gaps = answers.flatMap(gapsOf).sort((a, b) => a - b);
    const firsts = answers.map(({ start, arrivals }) => (arrivals[0]?.at ?? start) - start).sort((a, b) => a - b);
    const numLookedUp = after.numTokensLookedUp - before.numTokensLookedUp;
    rows.push({
      concurrency: level,
      decodeTokensPerSecond: throughput(answers),
      ttftMs: quantile(firsts, 0.5),
      p50Ms: quantile(gaps, 0.5),
      p95Ms: quantile(gaps, 0.95),
      prefixHitRate: numLookedUp === 0 ? 0 : (after.numTokensFound - before.numTokensFound) / numLookedUp,
      preemptions: after.numPreemptions - before.numPreemptions,
    });
  }
  return rows;
}

/** Ids that begin alike for all and then differ from any others. */
function promptOf({ info }: Engine, numTokens: number, level: number, client: number, round: number): number[] {
  const own = 1 + round + ROUNDS * (client + 64 * level);
  return Array.from({ length: numTokens }, (_, i) => {
    const seed = 2 * i < numTokens ? 13 : own * 104_729;
    return (i * 7919 + seed) % info.vocabSize;
  });
}

async function ask(engine: Engine, ids: readonly number[], numNew: number): Promise<Answer> {
  const start = performance.now();
  const arrivals: { at: number; numTokens: number }[] = [];
  const request = {
    prompt: { kind: 'tokens', ids },
    sampling: { temperature: 0 },
    maxNewTokens: numNew,
    ignoreEos: true,
  } as const;
  for await (const event of engine.generate(request)) {
    const numTokens = countTokens(event);
    if (numTokens > 0) arrivals.push({ at: performance.now(), numTokens });
  }
  return { start, arrivals };
}

function countTokens(event: GenerateEvent): number {
  return event.type === 'delta' ? event.tokenIds.length : 0;
}

/** Time of each token after the first: several may arrive together. */
function gapsOf({ arrivals }: Answer): number[] {
  return arrivals.slice(1).flatMap(({ at, numTokens }, i) => {
    const gap = (at - (arrivals[i]?.at ?? at)) / numTokens;
    return Array.from({ length: numTokens }, () => gap);
  });
}

/** Tokens a second from when the last client got its first token until the first client got its last. */
function throughput(answers: readonly Answer[]): number {
  const from = Math.max(...answers.map(({ arrivals }) => arrivals[0]?.at ?? 0));
  const to = Math.min(...answers.map(({ arrivals }) => arrivals.at(-1)?.at ?? 0));
  const all = answers.flatMap(({ arrivals }) => arrivals).filter(({ at }) => at > from && at <= to);
  return all.reduce((sum, { numTokens }) => sum + numTokens, 0) / ((to - from) / 1000);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
