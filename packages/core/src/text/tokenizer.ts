// The tokenizer that the engine sees. Made in create-tokenizer.ts; no chat template and no streaming here.

/** How {@link Tokenizer.encode} treats special tokens. */
export interface EncodeOptions {
  /** Add what the model puts around a text, e.g. BOS; default true. False for text that a chat template made. */
  readonly addSpecialTokens?: boolean;
}

/** How {@link Tokenizer.decode} treats special tokens. */
export interface DecodeOptions {
  /** Leave special tokens out of the text; default false. */
  readonly skipSpecialTokens?: boolean;
}

/** Text to token ids and back. */
export interface Tokenizer {
  /** The highest id + 1. The model's embedding may have more rows. */
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** The ids that `skipSpecialTokens` leaves out. */
  readonly specialIds: ReadonlySet<number>;
  /**
   * Text to ids. The spelling of a special token inside `text` becomes that token, as in Hugging Face tokenizers.
   * @throws PagemindError `invalid_tokenizer` when the tokenizer's rules fail on this text.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** Ids to text. Ids without a token give nothing; bytes that are no UTF-8 give U+FFFD. Nothing is cleaned up. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** The id of a token as the vocabulary spells it. */
  tokenToId(token: string): number | undefined;
  /** The bytes of one token, perhaps a part of a character; undefined for special and unused ids. For grammar masks. */
  tokenBytes?(id: number): Uint8Array | undefined;
}
