// What a request says about single tokens: their bias, which of them are banned, and whether their log probabilities are
// wanted. How the sampler goes about it is not decided here.
import { MAX_BIASES, MAX_TOP_LOGPROBS } from '@pagemind/kernels-wgsl';
import type { RunnerLimits } from '../runner/runner.js';
import type { SamplingParams, SequenceSampling } from '../sampling/params.js';
import type { WordFinder } from '../text/word-finder.js';
import { checkCount, checkIds, invalid } from './checks.js';
import type { GenerateRequest } from './core.js';

/** The part of a sequence's sampling that is about single tokens. */
export type TokenRules = Omit<SequenceSampling, keyof SamplingParams>;

const MAX_BIAS = 100;

/**
 * Reads what a request says about single tokens.
 * @param words missing: there is no tokenizer
 * @throws PagemindError `invalid_request` naming the field.
 */
export function resolveTokenRules(
  { logitBias, badTokenIds = [], badWords = [], logprobs }: GenerateRequest,
  limits: RunnerLimits,
  words: WordFinder | undefined,
): TokenRules {
  checkIds('badTokenIds', badTokenIds, limits);
  const biases = readBias(logitBias ?? {}, limits);
  const bannedIds = [...new Set([...badTokenIds, ...findWords(badWords, words, limits)])];
  if (bannedIds.length >= limits.vocabSize) throw invalid('badTokenIds and badWords leave no token.');
  if (logprobs !== undefined) checkCount('logprobs', logprobs, 0, MAX_TOP_LOGPROBS);
  return {
    ...(biases.size > 0 && { logitBias: biases }),
    ...(bannedIds.length > 0 && { bannedIds }),
    ...(logprobs !== undefined && { numTopLogprobs: Math.min(logprobs, limits.vocabSize) }),
  };
}

function readBias(given: Readonly<Record<string, number>>, limits: RunnerLimits): ReadonlyMap<number, number> {
  const entries = Object.entries(given);
  if (entries.length > MAX_BIASES)
    throw invalid(`logitBias has ${entries.length} tokens.`, `Give ${MAX_BIASES} at most.`);
  const biases = entries.map(([key, bias]): [number, number] => {
    const id = /^\d+$/.test(key) ? Number(key) : Number.NaN;
    checkIds('logitBias', [id], limits);
    if (typeof bias !== 'number' || !(Math.abs(bias) <= MAX_BIAS)) {
      throw invalid(`logitBias of token ${id} is ${String(bias)}.`, `Give a number from ${-MAX_BIAS} to ${MAX_BIAS}.`);
    }
    return [id, bias];
  });
  return new Map(biases);
}

function findWords(given: readonly string[], words: WordFinder | undefined, { vocabSize }: RunnerLimits): number[] {
  if (given.length === 0) return [];
  if (!words) throw invalid('badWords needs a tokenizer, and this model was loaded without.', 'Use badTokenIds.');
  if (given.some((word) => typeof word !== 'string' || word === '')) throw invalid('badWords holds what is no text.');
  const found = words.find(given).map((ids) => ids.filter((id) => id < vocabSize));
  const absent = found.findIndex((ids) => ids.length === 0);
  if (absent >= 0) {
    throw invalid(
      `badWords: no token of this model contains ${JSON.stringify(given[absent])}.`,
      'A word is banned by banning the tokens that contain it. Ban a part of it that is a token.',
    );
  }
  return found.flat();
}
