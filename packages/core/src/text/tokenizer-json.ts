// Checks tokenizer.json and tokenizer_config.json, which come from strangers, and hands the tokenizer library plain data of the
// shape that it trusts. No tokenizing here.
import { PagemindError } from '../errors.js';
import { isJsonObject, type JsonObject, own, parseJsonObject } from './json.js';

/** More than any vocabulary has; an id above it would make the library's tables huge. */
const MAX_TOKEN_ID = 2 ** 22;

/** An entry of `added_tokens`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** tokenizer.json with every part that the library indexes by checked. */
export interface TokenizerJson {
  readonly model: JsonObject;
  readonly addedTokens: readonly AddedToken[];
  readonly decoder: JsonObject | null;
  /** What the library's constructor takes. */
  readonly forLibrary: JsonObject;
}

function fail(message: string): never {
  throw new PagemindError('invalid_tokenizer', `tokenizer.json: ${message}.`, {
    hint: 'Use the tokenizer.json that belongs to the model, as Hugging Face tokenizers writes it.',
  });
}

/** Whether a value of untrusted JSON can be a token id. */
export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOKEN_ID;
}

function checkVocab(vocab: unknown): void {
  if (Array.isArray(vocab)) {
    for (const entry of vocab) {
      if (!Array.isArray(entry) || typeof entry[0] !== 'string' || !Number.isFinite(entry[1])) {
        fail('an entry of model.vocab is not a pair of a token and its score');
      }
    }
  } else if (isJsonObject(vocab)) {
    for (const token of Object.keys(vocab)) {
      if (!isTokenId(vocab[token])) fail(`model.vocab gives ${JSON.stringify(token)} something that is not a token id`);
    }
  } else {
    fail('model.vocab is missing');
  }
}

function checkMerges(merges: unknown): void {
  if (!Array.isArray(merges)) fail('model.merges is not a list');
  const asPairs = Array.isArray(merges[0]);
  for (const merge of merges) {
    const parts = asPairs ? merge : typeof merge === 'string' ? merge.split(' ') : undefined;
    if (!Array.isArray(parts) || parts.length !== 2 || !parts.every((part) => typeof part === 'string')) {
      fail('an entry of model.merges is not a pair of tokens');
    }
  }
}

function checkAddedToken(entry: unknown): JsonObject & AddedToken {
  if (!isJsonObject(entry)) fail('an entry of added_tokens is not an object');
  const { id, content, special = false } = entry;
  if (!isTokenId(id)) fail('an entry of added_tokens has no id');
  if (typeof content !== 'string' || content === '') fail('an entry of added_tokens has no content');
  if (typeof special !== 'boolean') fail('an entry of added_tokens says neither true nor false for special');
  return { ...entry, id, content, special };
}

/**
 * Checks what the library takes on trust.
 * @throws PagemindError `invalid_tokenizer`.
 */
export function checkTokenizerJson(json: JsonObject): TokenizerJson {
  const model = own(json, 'model');
  if (!isJsonObject(model)) fail('model is missing');
  checkVocab(own(model, 'vocab'));
  if (model['type'] === 'BPE' || Object.hasOwn(model, 'merges')) checkMerges(own(model, 'merges'));

  // Files of old exporters leave fields out where newer ones write null.
  const step = (key: string): JsonObject | null => {
    const value = own(json, key) ?? null;
    if (value !== null && !isJsonObject(value)) fail(`${key} is not an object`);
    return value;
  };
  const added = own(json, 'added_tokens') ?? [];
  if (!Array.isArray(added)) fail('added_tokens is not a list');
  const addedTokens = added.map(checkAddedToken);
  const decoder = step('decoder');
  return {
    model,
    addedTokens,
    decoder,
    forLibrary: {
      model,
      normalizer: step('normalizer'),
      pre_tokenizer: step('pre_tokenizer'),
      post_processor: step('post_processor'),
      decoder,
      added_tokens: addedTokens,
    },
  };
}

/** A special token as configs write it: its text, or an object with its text under `content`. */
export function specialTokenText(value: unknown): string | undefined {
  const text = isJsonObject(value) ? own(value, 'content') : value;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** What a tokenizer takes from tokenizer_config.json. */
export interface TokenizerConfig {
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly additionalSpecialTokens: readonly string[];
  /** What the library's constructor takes. */
  readonly forLibrary: JsonObject;
}

/**
 * Parses tokenizer_config.json; no text gives an empty config.
 * @throws PagemindError `invalid_tokenizer`.
 */
export function readTokenizerConfig(text: string | undefined): TokenizerConfig {
  const json = text === undefined ? {} : parseJsonObject(text, 'tokenizer_config.json', 'invalid_tokenizer');
  const bosToken = specialTokenText(own(json, 'bos_token'));
  const eosToken = specialTokenText(own(json, 'eos_token'));
  const listed = own(json, 'additional_special_tokens');
  const additionalSpecialTokens = (Array.isArray(listed) ? listed : [])
    .map(specialTokenText)
    .filter((token) => token !== undefined);
  return {
    bosToken,
    eosToken,
    additionalSpecialTokens,
    forLibrary: {
      eos_token: eosToken,
      additional_special_tokens: additionalSpecialTokens,
      // The clean-up rewrites " ." and " n't", so it damages code, and decoded text would not be what the ids say.
      clean_up_tokenization_spaces: false,
    },
  };
}
