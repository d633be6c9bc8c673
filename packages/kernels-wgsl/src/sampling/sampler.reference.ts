// f64 reference of the sampling kernels: the distribution after all filters, the draw with the kernels' random bits, and the
// log probabilities.
import type { DrawnLogprobs } from './ring.js';
import type { SlotSampling } from './sampling-buffers.js';

/** What is known of a sequence besides its parameters. */
export interface SequenceHistory {
  readonly prompt: readonly number[];
  readonly generated: readonly number[];
  readonly banned: readonly number[];
}

/** Logits after bias, penalties, masks and temperature; masked tokens are -Infinity, and all are when none can be drawn. */
export function prepareReference(
  logits: ArrayLike<number>,
  { prompt, generated, banned }: SequenceHistory,
  sampling: SlotSampling,
): Float64Array {
  const counts = new Map<number, number>();
  for (const id of generated) counts.set(id, (counts.get(id) ?? 0) + 1);
  const seen = new Set([...prompt, ...generated]);
  const masked = new Set(banned);
  if (prompt.length + generated.length < sampling.minPosition) for (const id of sampling.stopIds) masked.add(id);
  return Float64Array.from(logits, (value, id) => {
    if (!Number.isFinite(value) || masked.has(id)) return Number.NEGATIVE_INFINITY;
    const biased = value + (sampling.biases.get(id) ?? 0);
    const repetition = seen.has(id) ? sampling.repetitionPenalty : 1;
    const times = counts.get(id) ?? 0;
    const penalty = (times > 0 ? sampling.presencePenalty : 0) + times * sampling.frequencyPenalty;
    return ((biased < 0 ? biased * repetition : biased / repetition) - penalty) / (sampling.temperature || 1);
  });
}

/** A distribution and how near a filter came to deciding otherwise. */
export interface Filtered {
  /** [vocab], sums to 1. */
  readonly probabilities: Float64Array;
  /** Least difference of a probability, mass or logit from the limit it was compared with. */
  readonly margin: number;
}

/** Top-k, softmax, top-p and min-p on prepared logits; ties keep the lower ids. Greedy is top-k 1. */
export function filterReference(prepared: Float64Array, { topK, topP, minP, temperature }: SlotSampling): Filtered {
  const logit = (id: number | undefined): number => Math.max(prepared[id ?? 0] ?? 0, -3e38);
  const order = [...prepared.keys()].sort((a, b) => logit(b) - logit(a) || a - b);
  const maxKept = temperature === 0 ? 1 : topK === 0 ? order.length : Math.min(topK, order.length);
  const kept = order.slice(0, maxKept);
  const best = logit(kept[0]);
  const weights = kept.map((id) => Math.exp(logit(id) - best));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const gap = (a: number, b: number): number => (a === b ? Number.POSITIVE_INFINITY : Math.abs(a - b));
  let margin = maxKept < order.length ? gap(logit(kept.at(-1)), logit(order[maxKept])) : Number.POSITIVE_INFINITY;
  let before = 0;
  const probabilities = new Float64Array(prepared.length);
  for (const [index, id] of kept.entries()) {
    const weight = weights[index] ?? 0;
    if (index > 0 && topP < 1) margin = Math.min(margin, Math.abs(before / total - topP));
    if (minP > 0) margin = Math.min(margin, gap(weight, minP));
    if ((index === 0 || topP >= 1 || before / total <= topP) && weight >= minP) probabilities[id] = weight;
    before += weight;
  }
  const sum = probabilities.reduce((a, b) => a + b, 0);
  return { probabilities: probabilities.map((p) => p / sum), margin };
}

/** Probabilities [vocab] of the next token. */
export function distribution(
  logits: ArrayLike<number>,
  history: SequenceHistory,
  sampling: SlotSampling,
): Float64Array {
  return filterReference(prepareReference(logits, history, sampling), sampling).probabilities;
}

function scramble(x: number): number {
  let h = (x + 0x9e3779b9) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Gumbel noise of a token: the bits of gumbel.wgsl, the logarithms in f64. */
export function gumbelReference(seed: number, position: number, id: number): number {
  const x = scramble(seed ^ scramble(position));
  const y = scramble(position ^ scramble(~seed));
  const v = (scramble(scramble(id ^ x) ^ y) + 0.5) / 4294967296;
  return -Math.log(-Math.log1p(-v));
}

/** A drawn token and how near another came. */
export interface Drawn {
  readonly id: number;
  /** Distance of the best key to the second. */
  readonly keyMargin: number;
  /** See {@link Filtered}. */
  readonly filterMargin: number;
}

/** Draws the token at `position`. */
export function drawReference(
  logits: ArrayLike<number>,
  history: SequenceHistory,
  sampling: SlotSampling,
  position: number,
): Drawn {
  const prepared = prepareReference(logits, history, sampling);
  const filtered = filterReference(prepared, sampling);
  let id = 0;
  let first = Number.NEGATIVE_INFINITY;
  let second = Number.NEGATIVE_INFINITY;
  for (const [candidate, probability] of filtered.probabilities.entries()) {
    if (probability === 0) continue;
    const key = (prepared[candidate] ?? 0) + gumbelReference(sampling.seed, position, candidate);
    if (key > first) [id, second, first] = [candidate, first, key];
    else if (key > second) second = key;
  }
  return { id, keyMargin: first - second, filterMargin: filtered.margin };
}

/** Log probabilities of `id` and of the `numTop` best tokens; ties have the lower id first. */
export function logprobsReference(logits: ArrayLike<number>, id: number, numTop: number): DrawnLogprobs {
  const given = Float64Array.from(logits, (value) => (Number.isFinite(value) ? value : Number.NEGATIVE_INFINITY));
  const best = given.reduce((a, b) => Math.max(a, b));
  const logSum = Math.log(given.reduce((sum, value) => sum + Math.exp(value - best), 0));
  const of = (id: number) => ({ id, logprob: Math.max((given[id] ?? 0) - best - logSum, -9999) });
  const order = [...given.keys()].sort((a, b) => (given[a] === given[b] ? a - b : (given[b] ?? 0) - (given[a] ?? 0)));
  return { ...of(id), top: order.slice(0, numTop).map(of) };
}
