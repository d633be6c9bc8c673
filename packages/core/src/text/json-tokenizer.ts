// The adapter over tokenizer.json, and over whatever is turned into one: Hugging Face's library does the work. What it
// takes on trust is checked in tokenizer-json.ts.
import {
  ByteFallbackDecoder,
  type Decoder,
  SequenceDecoder,
  Tokenizer as TokenizerLibrary,
} from '@huggingface/tokenizers';
import { PagemindError } from '../errors.js';
import type { JsonObject } from './json.js';
import { createTokenBytes } from './token-bytes.js';
import type { DecodeOptions, EncodeOptions, Tokenizer } from './tokenizer.js';
import { checkTokenizerJson, readTokenizerConfig } from './tokenizer-json.js';

/** Runs the library on data from a file: whatever it throws is the file's fault. */
function blamingFile<T>(doing: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new PagemindError('invalid_tokenizer', `The tokenizer failed at ${doing}: ${String(cause)}`, {
      cause,
      hint: 'tokenizer.json may be damaged, or use a feature that @huggingface/tokenizers does not have.',
    });
  }
}

/** The library's byte fallback swallows U+FEFF as a byte order mark wherever one begins a run of byte tokens. */
function keepByteOrderMarks(decoder: Decoder | null): void {
  if (decoder instanceof SequenceDecoder) decoder.decoders.forEach(keepByteOrderMarks);
  if (decoder instanceof ByteFallbackDecoder) decoder.text_decoder = new TextDecoder('utf-8', { ignoreBOM: true });
}

/** tokenizer.json as a tokenizer. */
export class JsonTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly specialIds: ReadonlySet<number>;
  readonly #library: TokenizerLibrary;
  readonly #addedTokens: ReadonlyMap<number, string>;
  readonly #bytesOf: (token: string) => Uint8Array;
  /** Unigram with byte fallback, which the library lacks: the id of each byte, and of the unknown token. */
  readonly #byteIds: { readonly unknown: number; readonly ids: readonly number[] } | undefined;

  /**
   * @param tokenizerJson the file, parsed
   * @param tokenizerConfigJson the text of tokenizer_config.json
   * @throws PagemindError `invalid_tokenizer`.
   */
  constructor(tokenizerJson: JsonObject, tokenizerConfigJson: string | undefined) {
    const json = checkTokenizerJson(tokenizerJson);
    const config = readTokenizerConfig(tokenizerConfigJson);
    this.#library = blamingFile('loading', () => new TokenizerLibrary(json.forLibrary, config.forLibrary));
    keepByteOrderMarks(this.#library.decoder);
    this.vocabSize = this.#library.model?.vocab.length ?? 0;
    this.#addedTokens = new Map(json.addedTokens.map((token) => [token.id, token.content]));
    this.#bytesOf = createTokenBytes(json.decoder);
    this.bosId = config.bosToken === undefined ? undefined : this.tokenToId(config.bosToken);
    this.eosId = config.eosToken === undefined ? undefined : this.tokenToId(config.eosToken);
    this.specialIds = new Set([
      ...json.addedTokens.filter((token) => token.special).map((token) => token.id),
      ...config.additionalSpecialTokens.map((token) => this.tokenToId(token)).filter((id) => id !== undefined),
    ]);
    this.#byteIds =
      json.model['type'] === 'Unigram' && json.model['byte_fallback'] === true ? this.#findByteIds() : undefined;
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    return blamingFile('encoding', () => {
      const encoding = this.#library.encode(text, { add_special_tokens: options.addSpecialTokens ?? true });
      const ids = this.#byteIds ? this.#spellUnknown(encoding.ids, encoding.tokens) : encoding.ids;
      const stray = ids.findIndex((id) => !Number.isInteger(id));
      if (stray >= 0) throw new Error(`${JSON.stringify(encoding.tokens[stray])} has no id`);
      return ids;
    });
  }

  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const skip = options.skipSpecialTokens ?? false;
    const known = ids.filter((id) => this.#library.id_to_token(id) !== undefined && !(skip && this.specialIds.has(id)));
    if (known.length === 0) return '';
    return blamingFile('decoding', () => this.#library.decode(known, { skip_special_tokens: skip }));
  }

  tokenToId(token: string): number | undefined {
    return this.#library.token_to_id(token);
  }

  tokenBytes(id: number): Uint8Array | undefined {
    if (this.specialIds.has(id)) return undefined;
    const added = this.#addedTokens.get(id);
    if (added !== undefined) return new TextEncoder().encode(added);
    const token = this.#library.id_to_token(id);
    return token === undefined ? undefined : this.#bytesOf(token);
  }

  #findByteIds(): { unknown: number; ids: number[] } | undefined {
    const unknown = this.#library.model?.unk_token_id;
    const ids = Array.from({ length: 256 }, (_, byte) =>
      this.tokenToId(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    ).filter((id) => id !== undefined);
    return unknown === undefined || ids.length < 256 ? undefined : { unknown, ids };
  }

  /** Puts byte tokens in the place of the unknown token; the library still says which text was unknown. */
  #spellUnknown(ids: readonly number[], tokens: readonly string[]): number[] {
    const { unknown, ids: byteIds } = this.#byteIds ?? { unknown: -1, ids: [] };
    const encoder = new TextEncoder();
    return ids.flatMap((id, index) => {
      const token = tokens[index] ?? '';
      if (id !== unknown || this.tokenToId(token) === unknown) return [id];
      return Array.from(encoder.encode(token), (byte) => byteIds[byte] ?? unknown);
    });
  }
}
