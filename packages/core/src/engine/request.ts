// What a caller asked, resolved against the model and its limits: immutable, ids in place of text. Turning prompts into
// ids is prompt.ts's work; nothing is allocated here.
import { PagemindError } from '../errors.js';
import type { ImageSpan, RunnerLimits } from '../runner/runner.js';
import { GREEDY, resolveSamplingParams, type SamplingParams, type SequenceSampling } from '../sampling/params.js';
import type { WordFinder } from '../text/word-finder.js';
import { checkCount, checkIds, invalid } from './checks.js';
import type { GenerateRequest } from './core.js';
import type { EncodedPrompt } from './prompt.js';
import { resolveTokenRules } from './token-rules.js';

/** Most answers of a generation; OpenAI's limit. */
const MAX_CHOICES = 128;

/** The work of one sequence. */
export interface Request {
  readonly promptIds: readonly number[];
  /** Which of the prompt's tokens are rows of images. */
  readonly images: readonly ImageSpan[];
  readonly sampling: SequenceSampling;
  /** Prompt and answer together end at this many tokens. */
  readonly maxLength: number;
  /** Stop ids count only once the sequence holds this many tokens. */
  readonly minLength: number;
  readonly stopIds: ReadonlySet<number>;
  /** The higher, the sooner. */
  readonly priority: number;
  /** See {@link RunnerLimits.maxKeptLen}. */
  readonly maxKeptLen: number;
  /**
   * Set when all tokens are given and their logits wanted, so that nothing is sampled: positions from here on are
   * computed one at a time, as sampled ones are.
   */
  readonly decodeFrom?: number;
  /** Of given tokens: each one's log probability is wanted, and not the logits. */
  readonly wantsLogprobs?: boolean;
}

/** What a model says about generation (generation_config.json), resolved. */
export interface GenerationDefaults {
  readonly sampling: SamplingParams;
  /** Ids that end an answer. */
  readonly eosTokenIds: readonly number[];
  /** Stands for a prompt without tokens. */
  readonly bosTokenId?: number;
}

/** What a request is resolved against. */
export interface GenerationContext {
  readonly limits: RunnerLimits;
  readonly defaults: GenerationDefaults;
  /** The seed of a request that names none. */
  readonly randomSeed: number;
  /** Missing: the model has no tokenizer. */
  readonly words: WordFinder | undefined;
}

/**
 * Resolves a generation that continues a prompt: a request for every answer that is wanted.
 * @throws PagemindError `invalid_request`; `context_too_long` or `out_of_kv` for a prompt that can never run.
 */
export function resolveGeneration(
  given: GenerateRequest,
  { ids: promptIds, images }: EncodedPrompt,
  { limits, defaults, randomSeed, words }: GenerationContext,
): readonly Request[] {
  const { maxNewTokens, minNewTokens = 0, stopTokenIds = [], ignoreEos = false, priority = 0, numChoices = 1 } = given;
  if (maxNewTokens !== undefined) checkCount('maxNewTokens', maxNewTokens, 1);
  checkCount('minNewTokens', minNewTokens, 0);
  checkCount('numChoices', numChoices, 1);
  if (numChoices > MAX_CHOICES) throw invalid(`numChoices is ${numChoices}.`, `Give at most ${MAX_CHOICES}.`);
  if (!Number.isSafeInteger(priority)) {
    throw invalid(`priority is ${String(priority)}.`, 'Give a whole number; the higher, the sooner.');
  }
  if (maxNewTokens !== undefined && minNewTokens > maxNewTokens) {
    throw invalid(`minNewTokens is ${minNewTokens}, above maxNewTokens, which is ${maxNewTokens}.`);
  }
  checkIds('stopTokenIds', stopTokenIds, limits);
  checkIds('the prompt', promptIds, limits);
  checkFits(promptIds.length, 1, limits);
  const longest = Math.min(limits.sessionLen, poolTokens(limits));
  const seed = given.sampling.seed ?? randomSeed;
  const sampling: SequenceSampling = {
    ...resolveSamplingParams({ ...given.sampling, seed }, defaults.sampling),
    ...resolveTokenRules(given, limits, words),
  };
  const first: Request = {
    promptIds,
    images,
    sampling,
    maxLength: Math.min(promptIds.length + (maxNewTokens ?? longest), longest),
    minLength: promptIds.length + minNewTokens,
    stopIds: new Set([...(ignoreEos ? [] : defaults.eosTokenIds), ...stopTokenIds]),
    priority,
    maxKeptLen: limits.maxKeptLen,
  };
  return Array.from({ length: numChoices }, (_, i) => ({
    ...first,
    sampling: { ...sampling, seed: (sampling.seed + i) >>> 0 },
  }));
}

/**
 * Resolves a request for the log probabilities of `ids` but the first.
 * @throws as {@link resolveLogits}.
 */
export function resolveLogprobs(ids: readonly number[], limits: RunnerLimits): Request {
  if (ids.length < 2)
    throw invalid(`There are ${ids.length} ids.`, 'Give two at least: the first has nothing before it.');
  return { ...resolveLogits({ ids, images: [] }, ids.length, limits), wantsLogprobs: true };
}

/**
 * Resolves a request for the logits of `ids`, whose positions from `decodeFrom` on are computed one at a time.
 * @throws PagemindError `invalid_request`; `context_too_long` or `out_of_kv` for ids that can never run.
 */
export function resolveLogits({ ids, images }: EncodedPrompt, decodeFrom: number, limits: RunnerLimits): Request {
  checkIds('ids', ids, limits);
  checkCount('decodeFrom', decodeFrom, 0);
  checkFits(ids.length, 0, limits);
  // A token short of its maximal length, so that the runner never takes the sequence for done.
  return {
    promptIds: ids,
    images,
    sampling: GREEDY,
    maxLength: ids.length + 1,
    minLength: 0,
    stopIds: new Set(),
    priority: 0,
    // All ids are there at the start, so none grows it.
    maxKeptLen: Number.POSITIVE_INFINITY,
    decodeFrom,
  };
}

function poolTokens({ numBlocks, blockSize }: RunnerLimits): number {
  return numBlocks * blockSize;
}

function checkFits(numTokens: number, numNewTokens: number, limits: RunnerLimits): void {
  if (numTokens === 0) {
    throw invalid('The prompt has no tokens.', 'Give at least one token; this model has none that starts a text.');
  }
  const length = numTokens + numNewTokens;
  if (length > limits.sessionLen) {
    throw new PagemindError(
      'context_too_long',
      `The prompt has ${numTokens} tokens; a session holds ${limits.sessionLen}, the answer included.`,
      { hint: 'Shorten the prompt, or load the model with a larger sessionLen.' },
    );
  }
  if (length > poolTokens(limits)) {
    throw new PagemindError(
      'out_of_kv',
      `The prompt has ${numTokens} tokens; the KV cache holds ${poolTokens(limits)}, the answer included.`,
      { hint: 'Shorten the prompt, or load the model with a larger memoryBudget or cacheMaxEntryCount.' },
    );
  }
}
