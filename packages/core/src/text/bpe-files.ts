// vocab.json and merges.txt, in which GPT-2 and Qwen2 ship byte-level BPE, as the tokenizer.json that they stand for.
import { PagemindError } from '../errors.js';
import { type AddedTokenFiles, readSpecialTokenRules, readTokenizerClass } from './added-tokens.js';
import { type JsonObject, own, parseJsonObject } from './json.js';

/** How the two files' models split text; neither file says it. */
const QWEN2_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** What differs between the classes of tokenizer_config.json. */
const CLASSES: Readonly<Record<string, JsonObject>> = {
  GPT2Tokenizer: { normalizer: null, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true } },
  Qwen2Tokenizer: {
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: QWEN2_PATTERN }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    },
  },
};

/** The special token that both classes have when no file names one. */
const DEFAULT_SPECIAL = '<|endoftext|>';

/**
 * Makes the tokenizer.json.
 * @throws PagemindError `invalid_tokenizer`.
 */
export function joinBpeFiles(vocabJson: string, mergesTxt: string, files: AddedTokenFiles): JsonObject {
  const tokenizerClass = readTokenizerClass(files)?.replace(/Fast$/, '') ?? 'GPT2Tokenizer';
  const splitting = own(CLASSES, tokenizerClass) as JsonObject | undefined;
  if (!splitting) {
    throw new PagemindError(
      'invalid_tokenizer',
      `vocab.json and merges.txt do not say how a ${tokenizerClass} splits text.`,
      {
        hint: 'Add the tokenizer.json of the model.',
      },
    );
  }
  const vocab = parseJsonObject(vocabJson, 'vocab.json', 'invalid_tokenizer');
  const { addedTokens } = readSpecialTokenRules(files, (token) => own(vocab, token) as number | undefined);
  const defaultId = own(vocab, DEFAULT_SPECIAL);
  const hasDefault = defaultId === undefined || addedTokens.some(({ content }) => content === DEFAULT_SPECIAL);
  return {
    ...splitting,
    model: {
      type: 'BPE',
      vocab,
      merges: mergesTxt.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version')),
    },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    added_tokens: hasDefault
      ? addedTokens
      : [...addedTokens, { id: defaultId, content: DEFAULT_SPECIAL, special: true }],
  };
}
