// Reads command lines: which options exist, their types, and what they mean to the library.
import { readFile } from 'node:fs/promises';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { EngineOptions, GenerateRequest, NodeHubOptions } from '@pagemind/core/node';
import { UsageError } from './usage.js';

type QuantizeOptions = Pick<EngineOptions, 'quantize' | 'quantizeEmbeddings' | 'quantizeVision'>;

/** Which options a command has. */
export type OptionTypes = NonNullable<ParseArgsConfig['options']>;

/** Options by name, as given; every value is still a string. */
export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

/** Formats of weights. */
export const QUANTIZE_OPTIONS: OptionTypes = {
  quantize: text,
  'quantize-embeddings': text,
  'quantize-vision': text,
};

/** Where models of hubs are kept. */
export const CACHE_OPTIONS: OptionTypes = { 'download-dir': text };

/** Models of hubs. */
export const HUB_OPTIONS: OptionTypes = {
  ...CACHE_OPTIONS,
  revision: text,
  endpoint: text,
  'weights-file': text,
  revalidate: flag,
  'no-keep-packed': flag,
};

export const MODEL_OPTIONS: OptionTypes = {
  ...HUB_OPTIONS,
  ...QUANTIZE_OPTIONS,
  'model-format': text,
  dtype: text,
  'session-len': text,
  'max-batch-size': text,
  'cache-max-entry-count': text,
  'cache-block-seq-len': text,
  'disable-prefix-caching': flag,
  'quant-policy': text,
  'max-prefill-token-num': text,
  'max-steps-in-flight': text,
  'memory-budget': text,
  'dynamic-rope': text,
  deterministic: flag,
  speculative: text,
};

export const SAMPLING_OPTIONS: OptionTypes = {
  'max-new-tokens': text,
  temperature: text,
  'top-p': text,
  'top-k': text,
  'min-p': text,
  seed: text,
  'repetition-penalty': text,
  'presence-penalty': text,
  'frequency-penalty': text,
  'ignore-eos': flag,
  'min-new-tokens': text,
  'bad-words': { type: 'string', multiple: true },
};

/**
 * Splits a command line; `numPositionals` words must stand beside the options.
 * @param missing what to say when they do not
 */
export function readArguments(
  args: readonly string[],
  options: OptionTypes,
  numPositionals: number,
  missing?: string,
): { readonly values: Values; readonly positionals: readonly string[] } {
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: args.map(dashed), options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
  if (parsed.positionals.length !== numPositionals) {
    const expected = ['No argument is expected.', 'Name one model.', 'Name a model and a folder to write.'];
    throw new UsageError(missing ?? expected[numPositionals] ?? '');
  }
  return parsed as { values: Values; positionals: string[] };
}

/** Underscores and dashes are the same in option names, as in LMDeploy. */
function dashed(arg: string): string {
  const [, name = '', rest = ''] = /^--([\w-]+)(.*)$/s.exec(arg) ?? [];
  return name === '' ? arg : `--${name.replaceAll('_', '-')}${rest}`;
}

/** A string option. */
export function stringOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** A number option. */
export function numberOf(values: Values, name: string): number | undefined {
  const given = stringOf(values, name);
  if (given === undefined) return undefined;
  const value = Number(given);
  if (given.trim() === '' || !Number.isFinite(value))
    throw new UsageError(`--${name} must be a number, not '${given}'.`);
  return value;
}

/** Leaves out what is undefined, which options with exact types need. */
function defined<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

/** Formats of weights that a command line asks for. */
export function quantizeOptions(values: Values): QuantizeOptions {
  return defined<QuantizeOptions>({
    quantize: stringOf(values, 'quantize'),
    quantizeEmbeddings: stringOf(values, 'quantize-embeddings'),
    quantizeVision: stringOf(values, 'quantize-vision'),
  } as QuantizeOptions);
}

/** How models of hubs are found and kept. */
export function hubOptions(values: Values): NodeHubOptions {
  return defined<NodeHubOptions>({
    cacheDir: stringOf(values, 'download-dir'),
    revision: stringOf(values, 'revision'),
    endpoint: stringOf(values, 'endpoint'),
    weightsFile: stringOf(values, 'weights-file'),
    revalidate: values['revalidate'] as boolean | undefined,
    keepPacked: values['no-keep-packed'] === true ? false : undefined,
  } as NodeHubOptions);
}

/** Options of a command line for loading a model; the library checks their values. */
export function engineOptions(values: Values): EngineOptions & NodeHubOptions {
  return defined<EngineOptions & NodeHubOptions>({
    ...hubOptions(values),
    ...quantizeOptions(values),
    modelFormat: stringOf(values, 'model-format'),
    dtype: stringOf(values, 'dtype') as EngineOptions['dtype'],
    sessionLen: numberOf(values, 'session-len'),
    maxBatchSize: numberOf(values, 'max-batch-size'),
    cacheMaxEntryCount: numberOf(values, 'cache-max-entry-count'),
    cacheBlockSeqLen: numberOf(values, 'cache-block-seq-len'),
    enablePrefixCaching: values['disable-prefix-caching'] === true ? false : undefined,
    quantPolicy: numberOf(values, 'quant-policy'),
    maxPrefillTokenNum: numberOf(values, 'max-prefill-token-num'),
    maxStepsInFlight: numberOf(values, 'max-steps-in-flight'),
    memoryBudget: numberOf(values, 'memory-budget'),
    dynamicRope: stringOf(values, 'dynamic-rope'),
    deterministic: values['deterministic'] as boolean | undefined,
    speculative: readSpeculative(stringOf(values, 'speculative')),
  } as EngineOptions & NodeHubOptions);
}

/** Reads `ngram` or `ngram:4`. */
function readSpeculative(given: string | undefined): EngineOptions['speculative'] {
  if (given === undefined) return undefined;
  const [, method = given, count] = /^([^:]*):(.*)$/s.exec(given) ?? [];
  return {
    method,
    ...(count !== undefined && { numSpeculativeTokens: Number(count) }),
  } as EngineOptions['speculative'];
}

/** The part of a request that is not the prompt. */
export function generationOptions(values: Values): Omit<GenerateRequest, 'prompt'> {
  return {
    sampling: defined<GenerateRequest['sampling']>({
      temperature: numberOf(values, 'temperature'),
      topP: numberOf(values, 'top-p'),
      topK: numberOf(values, 'top-k'),
      minP: numberOf(values, 'min-p'),
      seed: numberOf(values, 'seed'),
      repetitionPenalty: numberOf(values, 'repetition-penalty'),
      presencePenalty: numberOf(values, 'presence-penalty'),
      frequencyPenalty: numberOf(values, 'frequency-penalty'),
    } as GenerateRequest['sampling']),
    ...defined<Pick<GenerateRequest, 'maxNewTokens' | 'minNewTokens' | 'badWords'>>({
      maxNewTokens: numberOf(values, 'max-new-tokens'),
      minNewTokens: numberOf(values, 'min-new-tokens'),
      badWords: values['bad-words'] as readonly string[] | undefined,
    }),
    ignoreEos: values['ignore-eos'] === true,
  };
}

/** Reads `1,2,3` or `@ids.json` (a JSON list). */
export async function readIds(given: string): Promise<number[]> {
  const source = given.startsWith('@') ? await readTextFile(given.slice(1)) : `[${given}]`;
  let ids: unknown;
  try {
    ids = JSON.parse(source);
  } catch {
    throw new UsageError('--input-ids must be numbers with commas between them, or @FILE with a JSON list.');
  }
  if (!Array.isArray(ids) || ids.length === 0 || !ids.every((id) => Number.isSafeInteger(id) && id >= 0)) {
    throw new UsageError('--input-ids must be a list of at least one token id.');
  }
  return ids;
}

/** Reads a text file; a missing one is a mistake of usage. */
export function readTextFile(path: string): Promise<string> {
  return orMistake(path, readFile(path, 'utf8'));
}

/** Waits for something that reads `path`; that it cannot be read is a mistake of usage. */
export async function orMistake<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`);
  }
}
