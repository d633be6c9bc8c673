// Sampling parameters as the engine uses them: resolved, validated, plain data. Names follow LMDeploy in camelCase.
import { PagemindError } from '../errors.js';

/** How the next token of a sequence is chosen. */
export interface SamplingParams {
  /** 0 is greedy; at most 2. */
  readonly temperature: number;
  /** Keeps the most probable tokens whose mass reaches this share; 1 is off. */
  readonly topP: number;
  /** Keeps the `topK` most probable tokens; 0 is off. */
  readonly topK: number;
  /** Keeps tokens at least this share as probable as the most probable one; 0 is off. */
  readonly minP: number;
  /** Over prompt and generated tokens; 1 is off. */
  readonly repetitionPenalty: number;
  /** Over generated tokens, OpenAI's formula; 0 is off. */
  readonly presencePenalty: number;
  /** Over generated tokens, OpenAI's formula; 0 is off. */
  readonly frequencyPenalty: number;
  /** Seed of the sequence's draws, a 32-bit unsigned integer. */
  readonly seed: number;
}

/** How the tokens of one sequence are chosen, and what is told of them. What is missing is not wanted. */
export interface SequenceSampling extends SamplingParams {
  /** Added to the logits of single tokens before all else, by id. */
  readonly logitBias?: ReadonlyMap<number, number>;
  /** Tokens that are never chosen. */
  readonly bannedIds?: readonly number[];
  /** Tell the log probabilities of the chosen token and of this many of the most probable ones. */
  readonly numTopLogprobs?: number;
}

/** Greedy, nothing filtered, nothing penalised. */
export const GREEDY: SamplingParams = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  seed: 0,
};

const BOUNDS: Readonly<Record<keyof SamplingParams, readonly [number, number]>> = {
  temperature: [0, 2],
  topP: [0, 1],
  topK: [0, 0x7fffffff],
  minP: [0, 1],
  repetitionPenalty: [0.01, 100],
  presencePenalty: [-2, 2],
  frequencyPenalty: [-2, 2],
  seed: [0, 0xffffffff],
};

/**
 * Fills what is missing from `defaults` and checks the bounds.
 * @throws PagemindError `invalid_request` naming the parameter.
 */
export function resolveSamplingParams(
  given: Partial<SamplingParams>,
  defaults: SamplingParams = GREEDY,
): SamplingParams {
  const params = { ...defaults, ...Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)) };
  for (const [name, [low, high]] of Object.entries(BOUNDS)) {
    const value = params[name as keyof SamplingParams];
    const isInteger = name === 'topK' || name === 'seed';
    if (typeof value !== 'number' || !(value >= low && value <= high) || (isInteger && !Number.isInteger(value))) {
      throw new PagemindError('invalid_request', `${name} is ${String(value)}, outside ${low} to ${high}.`, {
        hint: isInteger
          ? `${name} must be a whole number from ${low} to ${high}.`
          : `Give ${name} from ${low} to ${high}.`,
      });
    }
  }
  return params;
}
