// One sequence computed in every way that a step may be made: the numbers must not depend on it. And what INT4 does to them.
import { expect } from 'vitest';
import type { Engine } from '../api/engine-api.js';
import type { Prompt, PromptImage } from '../engine/core.js';

/** Numbers of a sequence that was computed in some other way, and what they are to equal. */
export interface Way {
  readonly name: string;
  readonly actual: Float32Array;
  readonly wanted: Float32Array;
}

/** Where keys turn by how long the sequence is going to be: their blocks are not shared. */
const ROPE_OF_LENGTH: readonly string[] = ['phi3-longrope', 'qwen1-long'];

/**
 * The ids one by one, in chunks beside another sequence, and behind blocks that another request has filled. The engine takes
 * more tokens a step than there are ids, and fewer than twice as many; its blocks are shorter than they are.
 */
export async function waysOf(
  engine: Engine,
  name: string,
  ids: readonly number[],
  images: readonly PromptImage[] = [],
): Promise<readonly Way[]> {
  const rest = ids.slice(1);
  const whole = await engine.logits(ids, { images });
  const wholeRest = await engine.logits(rest, { images });
  const decoded = await engine.logits(ids, { images, decodeFrom: 3 });
  const [beside, chunked] = await Promise.all([engine.logits(ids, { images }), engine.logits(rest, { images })]);
  // A beginning that no test before has left in the cache.
  const unseen: Prompt = { kind: 'tokens', ids: [ids.at(-1) ?? 0, ...rest], images };
  const cold = await logprobsOf(engine, unseen);
  const cached = await logprobsOf(engine, unseen);
  expect([cold.numCached, cached.numCached > 0]).toEqual([0, !ROPE_OF_LENGTH.includes(name)]);
  return [
    { name: 'one by one', actual: decoded, wanted: whole },
    { name: 'beside another', actual: beside, wanted: whole },
    { name: 'in chunks', actual: chunked, wanted: wholeRest },
    { name: 'from cached blocks', actual: cached.logprobs, wanted: cold.logprobs },
  ];
}

/** Largest difference over the spread of the logits that the order of sums may make. */
export const WAYS_TOLERANCE = 1e-4;

/** Most that weights, keys and values in halves may cost: root mean square over the spread of the logits. */
export const HALVES_TOLERANCE = 5e-3;

/** Fails where a bit differs. */
export function expectSameBits(ways: readonly Way[]): void {
  for (const { name, actual, wanted } of ways) {
    expect(actual.length, name).toBe(wanted.length);
    expect(
      actual.findIndex((value, at) => !Object.is(value, wanted[at])),
      name,
    ).toBe(-1);
  }
}

/** Log probabilities of the eight best tokens after a prompt and after each of four greedy ids. */
async function logprobsOf(engine: Engine, prompt: Prompt): Promise<{ logprobs: Float32Array; numCached: number }> {
  const logprobs: number[] = [];
  let numCached = Number.NaN;
  const request = { prompt, sampling: { temperature: 0 }, maxNewTokens: 5 };
  for await (const event of engine.generate({ ...request, ignoreEos: true, logprobs: 8 })) {
    if (event.type === 'end') numCached = event.usage.cachedTokens;
    else for (const { top } of event.logprobs ?? []) logprobs.push(...top.map(({ logprob }) => logprob));
  }
  expect(logprobs.length).toBe(5 * 8);
  return { logprobs: Float32Array.from(logprobs), numCached };
}

/** Most that INT4 in groups of 32 may cost a golden, whose random weights bear it badly: KL of f32 from INT4, nats a token. */
export const INT4_COST = 1;

/** Mean over rows of the KL divergence of `actual` from `wanted`, in nats. */
export function divergence(actual: Float32Array, wanted: Float32Array, vocabSize: number): number {
  const logSoftmax = (row: Float32Array): Float32Array => {
    const top = Math.max(...row);
    const sum = Math.log(row.reduce((total, value) => total + Math.exp(value - top), 0));
    return row.map((value) => value - top - sum);
  };
  let total = 0;
  for (let at = 0; at < wanted.length; at += vocabSize) {
    const [p, q] = [wanted, actual].map((logits) => logSoftmax(logits.subarray(at, at + vocabSize)));
    total += p?.reduce((sum, value, i) => sum + Math.exp(value) * (value - (q?.[i] ?? Number.NaN)), 0) ?? Number.NaN;
  }
  return total / (wanted.length / vocabSize);
}
