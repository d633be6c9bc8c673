// tiktoken's rank files, as QWen and Llama 3 ship them: every line a token in base64 and its rank, which is its id. The file
// says neither how text is split nor which tokens are special, so its families are listed here.
import { PagemindError } from '../errors.js';
import { type AddedToken, type TokenCodec, wellFormed } from './codec.js';
import { mergePairs } from './merge.js';

/** What a rank file does not say. */
interface TiktokenFamily {
  /** `tokenizer_class` of tokenizer_config.json. */
  readonly tokenizerClass: string;
  /** How many ranks its models have: what tells the families apart when there is no tokenizer_config.json. */
  readonly numRanks: number;
  /** Digits that stay together. */
  readonly maxDigits: number;
  readonly normalizes: boolean;
  /** Behind the ranks, in order. */
  readonly specialTokens: readonly string[];
  readonly bosToken?: string;
  readonly eosToken: string;
}

function numbered(count: number, first: number, spell: (i: number) => string): string[] {
  return Array.from({ length: count }, (_, i) => spell(first + i));
}

const FAMILIES: readonly TiktokenFamily[] = [
  {
    tokenizerClass: 'QWenTokenizer',
    numRanks: 151_643,
    maxDigits: 1,
    normalizes: true,
    specialTokens: [
      ...['<|endoftext|>', '<|im_start|>', '<|im_end|>'],
      ...numbered(205, 0, (i) => `<|extra_${i}|>`),
      // Of QWen-VL; unused rows elsewhere.
      ...['<ref>', '</ref>', '<box>', '</box>', '<quad>', '</quad>', '<img>', '</img>', '<imgpad>'],
    ],
    eosToken: '<|endoftext|>',
  },
  {
    tokenizerClass: 'Llama3Tokenizer',
    numRanks: 128_000,
    maxDigits: 3,
    normalizes: false,
    specialTokens: [
      ...['<|begin_of_text|>', '<|end_of_text|>', '<|reserved_special_token_0|>', '<|reserved_special_token_1|>'],
      ...['<|finetune_right_pad_id|>', '<|step_id|>', '<|start_header_id|>', '<|end_header_id|>'],
      ...['<|eom_id|>', '<|eot_id|>', '<|python_tag|>'],
      ...numbered(245, 2, (i) => `<|reserved_special_token_${i}|>`),
    ],
    bosToken: '<|begin_of_text|>',
    eosToken: '<|end_of_text|>',
  },
];

/** Contractions, words, digits, signs, line ends, blanks. `\s` is spelled out: JavaScript's has U+FEFF and lacks U+0085. */
function splitPattern(maxDigits: number): RegExp {
  const space = '\\p{White_Space}';
  const contraction = `'(?:[sSſtTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])`;
  const word = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
  const signs = ` ?[^${space}\\p{L}\\p{N}]+[\\r\\n]*`;
  const blanks = `${space}*[\\r\\n]+|${space}+(?!\\P{White_Space})|${space}+`;
  return new RegExp(`${contraction}|${word}|\\p{N}{1,${maxDigits}}|${signs}|${blanks}`, 'gu');
}

const LINE = /^([A-Za-z0-9+/]+={0,2}) (\d{1,8})$/;

function fail(message: string, hint = 'Download the file again; it may be cut short.'): never {
  throw new PagemindError('invalid_tokenizer', `The tiktoken file cannot be used: ${message}.`, { hint });
}

/** Whether a file begins as tiktoken's do. */
export function isTiktoken(bytes: Uint8Array): boolean {
  const [line = ''] = new TextDecoder().decode(bytes.subarray(0, 256)).split(/\r?\n/, 1);
  return LINE.test(line);
}

/** Tokens by rank; a character is a byte. */
function readRanks(bytes: Uint8Array): string[] {
  const tokens: string[] = [];
  for (const line of new TextDecoder().decode(bytes).split(/\r?\n/)) {
    if (line === '') continue;
    const [, token = '', rank] = LINE.exec(line) ?? fail(`line ${tokens.length + 1} is not a token and its rank`);
    if (Number(rank) !== tokens.length) fail(`rank ${tokens.length} is not in its place`);
    try {
      tokens.push(atob(token));
    } catch {
      fail(`the token of rank ${tokens.length} is not in base64`);
    }
  }
  return tokens;
}

function familyOf(numRanks: number, tokenizerClass: string | undefined): TiktokenFamily {
  return (
    FAMILIES.find((family) => family.tokenizerClass === tokenizerClass) ??
    FAMILIES.find((family) => family.numRanks === numRanks) ??
    fail(
      `no known family has ${numRanks} ranks`,
      'The file may be cut short; QWen has 151643 ranks, Llama 3 has 128000. Take the tokenizer.json of other families.',
    )
  );
}

function toText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** tiktoken as a codec. */
export class TiktokenCodec implements TokenCodec {
  readonly numTokens: number;
  readonly specialTokens: readonly AddedToken[];
  readonly prefix: readonly number[];
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly leadingSpaces = 'all';
  readonly #tokens: readonly string[];
  readonly #rankOf: ReadonlyMap<string, number>;
  readonly #pattern: RegExp;
  readonly #normalizes: boolean;
  readonly #encoder = new TextEncoder();

  /**
   * @param tokenizerClass of tokenizer_config.json
   * @throws PagemindError `invalid_tokenizer`.
   */
  constructor(bytes: Uint8Array, tokenizerClass: string | undefined) {
    this.#tokens = readRanks(bytes);
    this.#rankOf = new Map(this.#tokens.map((token, rank) => [token, rank]));
    if (this.#rankOf.size < this.#tokens.length) fail('a token is there twice');
    for (let byte = 0; byte < 256; byte++) {
      if (!this.#rankOf.has(String.fromCharCode(byte))) fail(`byte ${byte} has no rank`);
    }
    const family = familyOf(this.#tokens.length, tokenizerClass);
    this.numTokens = this.#tokens.length;
    this.specialTokens = family.specialTokens.map((content, i) => ({ id: this.numTokens + i, content, special: true }));
    this.bosToken = family.bosToken;
    this.eosToken = family.eosToken;
    this.prefix = this.specialTokens.filter(({ content }) => content === family.bosToken).map(({ id }) => id);
    this.#pattern = splitPattern(family.maxDigits);
    this.#normalizes = family.normalizes;
  }

  encode(text: string): number[] {
    const normalized = this.#normalizes ? wellFormed(text).normalize('NFC') : wellFormed(text);
    const ids: number[] = [];
    for (const [word] of normalized.matchAll(this.#pattern)) {
      const bytes = toText(this.#encoder.encode(word));
      const whole = this.#rankOf.get(bytes);
      if (whole !== undefined) ids.push(whole);
      else for (const token of this.#merge(bytes)) ids.push(this.#rankOf.get(token) ?? 0);
    }
    return ids;
  }

  bytesOf(id: number): Uint8Array | undefined {
    const token = this.#tokens[id];
    return token === undefined ? undefined : Uint8Array.from(token, (char) => char.charCodeAt(0));
  }

  tokenToId(token: string): number | undefined {
    return this.#rankOf.get(toText(this.#encoder.encode(token)));
  }

  /** The lower the rank, the earlier a token is made. */
  #merge(bytes: string): string[] {
    return mergePairs([...bytes], (joined) => {
      const rank = this.#rankOf.get(joined);
      return rank === undefined ? undefined : -rank;
    });
  }
}
