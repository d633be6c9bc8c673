// The vocabulary of a GGUF file as tokenizer.json and tokenizer_config.json, so that text/ need not know where it came from.
// No tokenizing here.
import { PagemindError } from '../errors.js';
import type { GgufValue } from './gguf.js';

/** Types of tokens. */
const [UNKNOWN, CONTROL, USER_DEFINED] = [2, 3, 4];

/** A step of tokenizer.json. */
type Step = Readonly<Record<string, unknown>>;

const CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d";
const ANY_CASE = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const GPT2 = `${CONTRACTIONS}| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`;
const words = (digits: string): string =>
  `${ANY_CASE}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const split = (regex: string): Step => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});
const DIGITS: Step = { type: 'Digits', individual_digits: true };

/** How a byte-level vocabulary wants text cut before pairs are merged. */
interface Cutting {
  readonly steps: readonly Step[];
  readonly normalizer?: Step;
  /** A piece that is a token is taken as it is, whatever its merges would give. */
  readonly ignoresMerges?: boolean;
}

/** By `tokenizer.ggml.pre`. */
const CUTTINGS: Readonly<Record<string, Cutting>> = {
  ...named(['gpt-2', 'gpt2', 'phi-2', 'mpt', 'olmo', 'dbrx'], { steps: [split(GPT2)] }),
  ...named(['starcoder', 'refact', 'command-r', 'smollm', 'codeshell'], { steps: [DIGITS, split(GPT2)] }),
  ...named(['llama-bpe', 'llama3', 'llama-v3'], { steps: [split(words('\\p{N}{1,3}'))], ignoresMerges: true }),
  ...named(['qwen2', 'deepseek-r1-qwen'], { steps: [split(words('\\p{N}'))], normalizer: { type: 'NFC' } }),
};

function named(names: readonly string[], cutting: Cutting): Record<string, Cutting> {
  return Object.fromEntries(names.map((name) => [name, cutting]));
}

/** The texts of the files that a GGUF file stands for; empty when it has no vocabulary. */
export function readGgufTokenizer(metadata: ReadonlyMap<string, GgufValue>, path: string): Record<string, string> {
  const values = new Vocabulary(metadata, path);
  const model = values.optional('model');
  if (model === undefined || model === 'none') return {};
  const tokenizer = model === 'llama' ? sentencePiece(values) : model === 'gpt2' ? byteLevel(values) : undefined;
  if (!tokenizer) throw values.wrong(`a tokenizer of the kind '${String(model).slice(0, 40)}'`);
  const { tokens } = values;
  const textOf = (name: string): string | undefined => {
    const id = values.optional(`${name}_token_id`);
    return typeof id === 'number' ? tokens[id] : undefined;
  };
  const template = metadata.get('tokenizer.chat_template');
  return {
    'tokenizer.json': JSON.stringify(tokenizer),
    'tokenizer_config.json': JSON.stringify({
      bos_token: textOf('bos'),
      eos_token: textOf('eos'),
      unk_token: textOf('unknown'),
      ...(typeof template === 'string' && { chat_template: template }),
    }),
  };
}

/** SentencePiece BPE: the pair whose joint piece has the highest score is merged first. Other characters become bytes. */
function sentencePiece(values: Vocabulary): Step {
  const { tokens, types } = values;
  const space = '▁';
  const hasPrefix = values.flag('add_space_prefix', true);
  const unknown = types.indexOf(UNKNOWN);
  return {
    version: '1.0',
    added_tokens: values.addedTokens(),
    normalizer: sequence('normalizers', [
      ...(hasPrefix ? [{ type: 'Prepend', prepend: space }] : []),
      { type: 'Replace', pattern: { String: ' ' }, content: space },
    ]),
    pre_tokenizer: null,
    post_processor: values.postProcessor(true),
    decoder: sequence('decoders', [
      { type: 'Replace', pattern: { String: space }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      ...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
    ]),
    model: {
      type: 'BPE',
      unk_token: tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: vocabOf(tokens),
      merges: mergesByScore(tokens, values.numbers('scores')),
    },
  };
}

/** GPT-2's kind: bytes as printable characters, merges in their order. */
function byteLevel(values: Vocabulary): Step {
  const kind = String(values.optional('pre') ?? 'default');
  const cutting = Object.hasOwn(CUTTINGS, kind) ? CUTTINGS[kind] : undefined;
  if (!cutting) throw values.wrong(`text cut in the manner of '${kind.slice(0, 40)}'`);
  const { steps, normalizer = null, ignoresMerges = false } = cutting;
  const bytes = { type: 'ByteLevel', add_prefix_space: values.flag('add_space_prefix', false), trim_offsets: false };
  return {
    version: '1.0',
    added_tokens: values.addedTokens(),
    normalizer,
    pre_tokenizer: sequence('pretokenizers', [...steps, { ...bytes, use_regex: false }]),
    post_processor: values.postProcessor(false),
    decoder: bytes,
    model: {
      type: 'BPE',
      byte_fallback: false,
      ignore_merges: ignoresMerges,
      vocab: vocabOf(values.tokens),
      merges: values.texts('merges'),
    },
  };
}

function sequence(key: string, steps: readonly Step[]): Step {
  return { type: 'Sequence', [key]: steps };
}

/** Ids by token. A token that is there twice has its last id. */
function vocabOf(tokens: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

/** Every pair of tokens that makes a token, those that make the best ones first; in order of ids among equals. */
function mergesByScore(tokens: readonly string[], scores: readonly number[]): readonly [string, string][] {
  const known = new Set(tokens);
  const byScore = tokens.map((token, id) => ({ token, id, score: scores[id] ?? 0 }));
  byScore.sort((a, b) => b.score - a.score || a.id - b.id);
  const merges: [string, string][] = [];
  for (const { token } of byScore) {
    for (let at = 1; at < token.length && at <= MAX_PIECE; at++) {
      const pair: [string, string] = [token.slice(0, at), token.slice(at)];
      if (known.has(pair[0]) && known.has(pair[1])) merges.push(pair);
    }
  }
  return merges;
}

/** Longer pieces are runs of one character, which merge from shorter ones. */
const MAX_PIECE = 256;

/** Checked access to `tokenizer.ggml.*`. */
class Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly #values: ReadonlyMap<string, GgufValue>;
  readonly #path: string;

  constructor(values: ReadonlyMap<string, GgufValue>, path: string) {
    this.#values = values;
    this.#path = path;
    this.tokens = this.optional('model') === undefined ? [] : this.texts('tokens');
    this.types = this.optional('token_type') === undefined ? [] : this.numbers('token_type');
  }

  optional(name: string): GgufValue | undefined {
    return this.#values.get(`tokenizer.ggml.${name}`);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.optional(name);
    return typeof value === 'boolean' ? value : fallback;
  }

  texts(name: string): readonly string[] {
    return this.#list(name, (item) => typeof item === 'string');
  }

  numbers(name: string): readonly number[] {
    return this.#list(name, (item) => typeof item === 'number');
  }

  /** Tokens that are found in text before anything else. */
  addedTokens(): readonly Step[] {
    const isAdded = (type: number | undefined): boolean =>
      type === CONTROL || type === USER_DEFINED || type === UNKNOWN;
    return this.tokens.flatMap((content, id) =>
      isAdded(this.types[id]) && content !== ''
        ? [
            {
              id,
              content,
              special: this.types[id] !== USER_DEFINED,
              normalized: false,
              lstrip: false,
              rstrip: false,
              single_word: false,
            },
          ]
        : [],
    );
  }

  /** Puts BOS before a text and EOS behind it, where the vocabulary wants them. */
  postProcessor(addsBos: boolean): Step | null {
    const special = (name: string, wanted: boolean): { id: number; content: string } | undefined => {
      const id = this.optional(`${name}_token_id`);
      const content = typeof id === 'number' ? this.tokens[id] : undefined;
      return wanted && content !== undefined ? { id: id as number, content } : undefined;
    };
    const bos = special('bos', this.flag('add_bos_token', addsBos));
    const eos = special('eos', this.flag('add_eos_token', false));
    if (!bos && !eos) return null;
    const token = (found: typeof bos): Step[] => (found ? [{ SpecialToken: { id: found.content, type_id: 0 } }] : []);
    const text = (id: string): Step => ({ Sequence: { id, type_id: 0 } });
    const around = (id: string): Step[] => [...token(bos), text(id), ...token(eos)];
    const tokens = [bos, eos].filter((found) => found !== undefined);
    return {
      type: 'TemplateProcessing',
      single: around('A'),
      pair: [...around('A'), ...around('B')],
      special_tokens: Object.fromEntries(
        tokens.map(({ id, content }) => [content, { id: content, ids: [id], tokens: [content] }]),
      ),
    };
  }

  wrong(what: string): PagemindError {
    return new PagemindError('invalid_tokenizer', `${this.#path} has ${what}, which is not read.`, {
      hint: "Put the model's own tokenizer.json beside the file and point to the folder.",
    });
  }

  #list<T extends GgufValue>(name: string, is: (item: GgufValue) => boolean): readonly T[] {
    const value = this.optional(name);
    if (Array.isArray(value) && value.every(is)) return value as readonly T[];
    throw this.wrong(`a damaged list tokenizer.ggml.${name}`);
  }
}
