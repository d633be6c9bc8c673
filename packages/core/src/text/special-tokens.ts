// Which tokens begin a text and which end an answer, gathered from the files that may say so. Reads configs, nothing else.
import { PagemindError } from '../errors.js';
import { isJsonObject, type JsonObject, own, parseJsonObject } from './json.js';
import type { Tokenizer } from './tokenizer.js';
import { specialTokenText } from './tokenizer-json.js';

/** Texts of the files; every one may be missing. */
export interface SpecialTokenFiles {
  readonly tokenizerConfigJson?: string | undefined;
  readonly specialTokensMapJson?: string | undefined;
  readonly generationConfigJson?: string | undefined;
  readonly configJson?: string | undefined;
}

/** The special tokens of a checkpoint. */
export interface SpecialTokens {
  /** As a chat template wants it; undefined where the model has none. */
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly bosId: number | undefined;
  /**
   * Every id that ends an answer, ascending: the tokenizer's EOS, those of generation_config.json, else of config.json, and
   * those with which the chat template ends a turn.
   */
  readonly stopIds: readonly number[];
}

/** `eos_token_id` and its like: an id, a list of ids, null or missing. */
function idsOf(json: JsonObject, key: string, file: string): number[] {
  const value = own(json, key) ?? [];
  const ids = Array.isArray(value) ? value : [value];
  if (ids.every((id) => Number.isSafeInteger(id) && id >= 0)) return ids;
  throw new PagemindError('invalid_tokenizer', `${file}: ${key} is neither a token id nor a list of them.`, {
    hint: `Correct ${key} in ${file}, or take the file out.`,
  });
}

/** Tokens that end a turn and nothing else, in whichever template they stand. */
const TURN_ENDS: readonly string[] = [
  ...['<|im_end|>', '<|eot_id|>', '<|eom_id|>', '<end_of_turn>', '<|END_OF_TURN_TOKEN|>', '<|action_end|>', '<eoa>'],
];

/** The tokens with which a Jinja template ends the assistant's turn. */
export function turnEndsOf(template: string): string[] {
  return TURN_ENDS.filter((token) => template.includes(token));
}

/**
 * Reads the special tokens.
 * @param turnEnds tokens that end an answer as the chat template has it; those that the tokenizer lacks do not count
 * @throws PagemindError `invalid_tokenizer` when a file is no JSON object or an id is no id.
 */
export function readSpecialTokens(
  files: SpecialTokenFiles,
  tokenizer: Tokenizer,
  turnEnds: readonly string[] = [],
): SpecialTokens {
  const parse = (text: string | undefined, file: string): JsonObject =>
    text === undefined ? {} : parseJsonObject(text, file, 'invalid_tokenizer');
  const tokenizerConfig = parse(files.tokenizerConfigJson, 'tokenizer_config.json');
  const specialTokensMap = parse(files.specialTokensMapJson, 'special_tokens_map.json');
  const generationConfig = parse(files.generationConfigJson, 'generation_config.json');
  const modelConfig = parse(files.configJson, 'config.json');
  // A model of text and images keeps the ids of its decoder one level down.
  const nested = own(modelConfig, 'text_config');
  const configs: [JsonObject, string][] = [
    [generationConfig, 'generation_config.json'],
    [modelConfig, 'config.json'],
    [isJsonObject(nested) ? nested : {}, 'config.json'],
  ];
  const firstIds = (key: string): number[] =>
    configs.map(([json, file]) => idsOf(json, key, file)).find((ids) => ids.length > 0) ?? [];
  const token = (key: string): string | undefined =>
    specialTokenText(own(tokenizerConfig, key)) ?? specialTokenText(own(specialTokensMap, key));

  const spell = (id: number | undefined): string | undefined => (id === undefined ? undefined : tokenizer.decode([id]));
  const bosToken = token('bos_token') ?? spell(tokenizer.bosId);
  const eosToken = token('eos_token') ?? spell(tokenizer.eosId);
  const bosId = bosToken === undefined ? undefined : tokenizer.tokenToId(bosToken);
  const stopIds = new Set(firstIds('eos_token_id'));
  for (const end of [eosToken, ...turnEnds]) {
    const id = end === undefined ? undefined : tokenizer.tokenToId(end);
    if (id !== undefined) stopIds.add(id);
  }
  return {
    bosToken,
    eosToken,
    bosId: bosId ?? firstIds('bos_token_id')[0],
    stopIds: [...stopIds].sort((a, b) => a - b),
  };
}
