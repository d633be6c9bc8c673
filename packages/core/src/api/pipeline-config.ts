// How a pipeline generates: LMDeploy's GenerationConfig with its defaults, read into what the engine takes. What depends on
// the model is checked by the engine.
import type { GenerateRequest } from '../engine/core.js';
import { Fields, isRecord, isText, isTokenId } from './fields.js';

/**
 * LMDeploy's `GenerationConfig` in camelCase. Missing fields take LMDeploy's defaults; what the model itself recommends
 * (generation_config.json) counts for its end of text alone.
 */
export interface GenerationConfig {
  /**
   * Answers to a prompt, 1 to 128, default 1: the first is the response, which holds the `others`. Each is sampled from a
   * seed of its own: `randomSeed` plus its number from 0.
   */
  readonly n?: number;
  /** Default 512. */
  readonly maxNewTokens?: number;
  /** The answer does not end of its own accord before this many tokens; default 0. */
  readonly minNewTokens?: number;
  /** Default false, which is greedy: `temperature`, `topP`, `topK` and `minP` then change nothing. */
  readonly doSample?: boolean;
  /** 0 to 2; default 0.8. */
  readonly temperature?: number;
  /** 0 to 1; default 1, which is off. */
  readonly topP?: number;
  /** Default 50; 0 is off. */
  readonly topK?: number;
  /** 0 to 1; default 0, which is off. */
  readonly minP?: number;
  /** Over prompt and answer; default 1, which is off. */
  readonly repetitionPenalty?: number;
  /** Texts that end the answer and are not part of it. */
  readonly stopWords?: readonly string[];
  /** Tokens that end the answer, beside the model's own. */
  readonly stopTokenIds?: readonly number[];
  /** Texts that no generated token contains. One that no token contains cannot be banned, and is refused. */
  readonly badWords?: readonly string[];
  /** Tokens that are never generated. */
  readonly badTokenIds?: readonly number[];
  /** Go on after the model's end of text; default false. */
  readonly ignoreEos?: boolean;
  /** Equal seeds give equal answers; missing: another one each time. */
  readonly randomSeed?: number;
  /** Leave special tokens out of the text; default true. */
  readonly skipSpecialTokens?: boolean;
  /** Not LMDeploy's. A whole number, default 0: of waiting prompts those of the highest priority run first. */
  readonly priority?: number;
  /** Give the log probabilities of the answer's tokens, and of this many of the most probable ones; 0 to 20. */
  readonly logprobs?: number;
}

/**
 * Reads an untrusted config.
 * @param path where it lies, for messages, e.g. `generationConfig.`
 * @param defaults a config that was read before, for the fields that `given` does not have
 * @throws PagemindError `invalid_request` naming the field.
 */
export function readGenerationConfig(
  given: unknown,
  path: string,
  defaults: GenerationConfig = {},
): Omit<GenerateRequest, 'prompt'> {
  const fields = new Fields(isRecord(given) ? { ...defaults, ...given } : given, path);
  const sampled = {
    temperature: fields.number('temperature', 0, 2) ?? 0.8,
    topP: fields.number('topP', 0, 1) ?? 1,
    topK: fields.integer('topK', 0) ?? 50,
    minP: fields.number('minP', 0, 1) ?? 0,
  };
  const seed = fields.integer('randomSeed');
  const logprobs = fields.integer('logprobs', 0, 20);
  const request = {
    sampling: {
      ...(fields.boolean('doSample') ? sampled : { temperature: 0 }),
      repetitionPenalty: fields.number('repetitionPenalty', 0.01, 100) ?? 1,
      // LMDeploy's seeds have 64 bits; ours have 32.
      ...(seed !== undefined && { seed: seed >>> 0 }),
    },
    maxNewTokens: fields.integer('maxNewTokens', 1) ?? 512,
    minNewTokens: fields.integer('minNewTokens', 0) ?? 0,
    stopStrings: fields.list('stopWords', 'texts', isText) ?? [],
    stopTokenIds: fields.list('stopTokenIds', 'token ids', isTokenId) ?? [],
    badWords: fields.list('badWords', 'texts', isText) ?? [],
    badTokenIds: fields.list('badTokenIds', 'token ids', isTokenId) ?? [],
    ignoreEos: fields.boolean('ignoreEos') ?? false,
    skipSpecialTokens: fields.boolean('skipSpecialTokens') ?? true,
    numChoices: fields.integer('n', 1) ?? 1,
    priority: fields.integer('priority') ?? 0,
    ...(logprobs !== undefined && { logprobs }),
  };
  fields.refuseOthers();
  return request;
}
