// Makes a checkpoint's tokenizer: which of its files is used, and what its content is. The formats have files of their own.
import { PagemindError } from '../errors.js';
import { type AddedTokenFiles, readSpecialTokenRules, readTokenizerClass } from './added-tokens.js';
import { joinBpeFiles } from './bpe-files.js';
import type { AddedToken } from './codec.js';
import { CodecTokenizer } from './codec-tokenizer.js';
import { type JsonObject, own, parseJsonObject } from './json.js';
import { JsonTokenizer } from './json-tokenizer.js';
import { SentencePieceCodec } from './sentencepiece.js';
import { readSentencePieceModel } from './sentencepiece-model.js';
import { isTiktoken, TiktokenCodec } from './tiktoken.js';
import type { Tokenizer } from './tokenizer.js';

/** The tokenizer files of a checkpoint. What is there first in this order is used. */
export interface TokenizerFiles extends AddedTokenFiles {
  readonly tokenizerJson?: string | undefined;
  /** tokenizer.model, qwen.tiktoken and the like: SentencePiece or tiktoken, which its content tells. */
  readonly vocabulary?: Uint8Array | undefined;
  /** Both, or neither. */
  readonly vocabJson?: string | undefined;
  readonly mergesTxt?: string | undefined;
}

/** Reads a checkpoint's files; undefined where there is none. */
export interface FileReader {
  readText(path: string, signal?: AbortSignal): Promise<string | undefined>;
  readBytes(path: string, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

/** Names of the files that {@link TokenizerFiles.vocabulary} may come from. */
const VOCABULARIES: readonly string[] = ['tokenizer.model', 'tokenizer.model.v3', 'qwen.tiktoken'];

/** Names of all files that a tokenizer may come from. */
export const TOKENIZER_FILES: readonly string[] = ['tokenizer.json', ...VOCABULARIES, 'vocab.json', 'merges.txt'];

/** Names of the files that say more about its tokens. */
export const TOKEN_FILES: readonly string[] = ['tokenizer_config.json', 'added_tokens.json', 'special_tokens_map.json'];

/** Reads a checkpoint's tokenizer files; of the vocabularies only the one that is used. Undefined when it has none. */
export async function readTokenizerFiles(
  checkpoint: FileReader,
  signal?: AbortSignal,
): Promise<TokenizerFiles | undefined> {
  const read = (path: string): Promise<string | undefined> => checkpoint.readText(path, signal);
  const vocabulary = await readVocabulary(checkpoint, signal);
  if (!vocabulary) return undefined;
  return {
    ...vocabulary,
    tokenizerConfigJson: await read('tokenizer_config.json'),
    addedTokensJson: await read('added_tokens.json'),
    specialTokensMapJson: await read('special_tokens_map.json'),
  };
}

async function readVocabulary(checkpoint: FileReader, signal?: AbortSignal): Promise<TokenizerFiles | undefined> {
  const tokenizerJson = await checkpoint.readText('tokenizer.json', signal);
  if (tokenizerJson !== undefined) return { tokenizerJson };
  for (const path of VOCABULARIES) {
    const vocabulary = await checkpoint.readBytes(path, signal);
    if (vocabulary) return { vocabulary };
  }
  const vocabJson = await checkpoint.readText('vocab.json', signal);
  const mergesTxt = vocabJson === undefined ? undefined : await checkpoint.readText('merges.txt', signal);
  return mergesTxt === undefined ? undefined : { vocabJson, mergesTxt };
}

/** Encoding and decoding this must work, or the tokenizer is refused: a space, a digit, two bytes, four bytes, a line end. */
const PROBE = 'a 1 é 🙂\n';

/**
 * Makes the tokenizer of a checkpoint.
 * Regular expressions of tokenizer.json run as they are, so a hostile one can be slow; everything else is checked.
 * @param more tokens that none of the files has
 * @throws PagemindError `invalid_tokenizer`.
 */
export function createTokenizer(files: TokenizerFiles, more: readonly AddedToken[] = []): Tokenizer {
  const tokenizer = openTokenizer(files, more);
  tokenizer.decode(tokenizer.encode(PROBE));
  return tokenizer;
}

function openTokenizer(files: TokenizerFiles, more: readonly AddedToken[]): Tokenizer {
  const { tokenizerJson, vocabulary, vocabJson, mergesTxt, tokenizerConfigJson } = files;
  if (tokenizerJson !== undefined) {
    const json = parseJsonObject(tokenizerJson, 'tokenizer.json', 'invalid_tokenizer');
    return new JsonTokenizer(withTokens(json, more), tokenizerConfigJson);
  }
  if (vocabulary) {
    const tokenizerClass = readTokenizerClass(files);
    const codec = isTiktoken(vocabulary)
      ? new TiktokenCodec(vocabulary, tokenizerClass)
      : new SentencePieceCodec(readSentencePieceModel(vocabulary), tokenizerClass);
    const rules = readSpecialTokenRules(files, (token) => codec.tokenToId(token));
    return new CodecTokenizer(codec, { ...rules, addedTokens: [...rules.addedTokens, ...more] });
  }
  if (vocabJson !== undefined && mergesTxt !== undefined) {
    return new JsonTokenizer(withTokens(joinBpeFiles(vocabJson, mergesTxt, files), more), tokenizerConfigJson);
  }
  throw new PagemindError('invalid_tokenizer', 'There is no tokenizer file.', {
    hint: `A tokenizer is made from one of ${TOKENIZER_FILES.join(', ')}.`,
  });
}

function withTokens(json: JsonObject, more: readonly AddedToken[]): JsonObject {
  const added = own(json, 'added_tokens') ?? [];
  return Array.isArray(added) ? { ...json, added_tokens: [...added, ...more] } : json;
}
