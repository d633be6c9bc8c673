// What a checkpoint's JSON files say about special tokens, for vocabularies that are no tokenizer.json: tokenizer_config.json,
// added_tokens.json, special_tokens_map.json. Reading only; finding them in text is codec-tokenizer.ts.
import { PagemindError } from '../errors.js';
import type { AddedToken } from './codec.js';
import type { SpecialTokenRules } from './codec-tokenizer.js';
import { isJsonObject, type JsonObject, own, parseJsonObject } from './json.js';
import { isTokenId, specialTokenText } from './tokenizer-json.js';

/** Texts of the files; every one may be missing. */
export interface AddedTokenFiles {
  readonly tokenizerConfigJson?: string | undefined;
  readonly addedTokensJson?: string | undefined;
  readonly specialTokensMapJson?: string | undefined;
}

const CONFIG = 'tokenizer_config.json';
const ADDED = 'added_tokens.json';
const MAP = 'special_tokens_map.json';

/** Keys whose tokens are special wherever they stand. */
const SPECIAL_KEYS: readonly string[] = ['bos_token', 'eos_token', 'unk_token', 'pad_token'];

function parse(text: string | undefined, file: string): JsonObject {
  return text === undefined ? {} : parseJsonObject(text, file, 'invalid_tokenizer');
}

function checkToken(file: string, id: unknown, content: unknown): { id: number; content: string } {
  if (isTokenId(id) && typeof content === 'string' && content !== '') return { id, content };
  throw new PagemindError('invalid_tokenizer', `${file}: an added token has no id, or no text.`, {
    hint: `Take the ${file} that belongs to the model.`,
  });
}

/** `tokenizer_class`, which names a family. */
export function readTokenizerClass(files: AddedTokenFiles): string | undefined {
  const value = own(parse(files.tokenizerConfigJson, CONFIG), 'tokenizer_class');
  return typeof value === 'string' ? value : undefined;
}

/**
 * Reads the rules.
 * @param tokenToId of the vocabulary
 * @throws PagemindError `invalid_tokenizer`.
 */
export function readSpecialTokenRules(
  files: AddedTokenFiles,
  tokenToId: (token: string) => number | undefined,
): SpecialTokenRules {
  const config = parse(files.tokenizerConfigJson, CONFIG);
  const added = parse(files.addedTokensJson, ADDED);
  const map = parse(files.specialTokensMapJson, MAP);
  const specials = new Set([config, map].flatMap(specialsOf));

  const byContent = new Map<string, AddedToken>();
  const add = (token: AddedToken): void => void byContent.set(token.content, token);
  for (const content of specials) {
    const id = tokenToId(content);
    if (id !== undefined) add({ id, content, special: true });
  }
  for (const key of Object.keys(added)) {
    const { id, content } = checkToken(ADDED, added[key], key);
    add({ id, content, special: specials.has(content) });
  }
  const decoder = own(config, 'added_tokens_decoder');
  for (const [key, value] of isJsonObject(decoder) ? Object.entries(decoder) : []) {
    const entry = isJsonObject(value) ? value : {};
    const { id, content } = checkToken(CONFIG, /^\d+$/.test(key) ? Number(key) : undefined, own(entry, 'content'));
    const flag = (name: string): boolean => own(entry, name) === true;
    const special = flag('special') || specials.has(content);
    add({ id, content, special, lstrip: flag('lstrip'), rstrip: flag('rstrip') });
  }

  const token = (key: string): string | undefined =>
    specialTokenText(own(config, key)) ?? specialTokenText(own(map, key));
  const addBos = own(config, 'add_bos_token');
  return {
    addedTokens: [...byContent.values()],
    bosToken: token('bos_token'),
    eosToken: token('eos_token'),
    addBos: typeof addBos === 'boolean' ? addBos : undefined,
    addEos: own(config, 'add_eos_token') === true,
    // `legacy: false` names the repair of this in Hugging Face transformers.
    restartsBehindSpecial: own(config, 'legacy') !== false,
  };
}

/** The tokens that a file calls special. */
function specialsOf(json: JsonObject): string[] {
  const listed = own(json, 'additional_special_tokens');
  return [...SPECIAL_KEYS.map((key) => own(json, key)), ...(Array.isArray(listed) ? listed : [])]
    .map(specialTokenText)
    .filter((text) => text !== undefined);
}
