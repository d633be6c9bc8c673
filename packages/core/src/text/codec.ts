// What a vocabulary file says, whatever its format: plain text to ids, and ids to bytes. Special tokens and joining bytes to
// text are the same for all formats: codec-tokenizer.ts.

/** A token beside those that text is cut into. It is found in text before anything else, whole. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** `skipSpecialTokens` leaves it out. */
  readonly special: boolean;
  /** It is not found in text: its content is a word like others. */
  readonly isHidden?: boolean;
  /** Takes the blanks before and behind it. */
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
}

/** The text between special tokens to ids, and ids to bytes. */
export interface TokenCodec {
  /** The highest id + 1, without added tokens. */
  readonly numTokens: number;
  /** Special tokens that the vocabulary or its family defines. */
  readonly specialTokens: readonly AddedToken[];
  /** Ids of `specialTokens` that stand around a text unless the checkpoint says otherwise. */
  readonly prefix: readonly number[];
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  /** Which spaces at the start of a decoded text are shown: encoding may have put the first one there, or have dropped them. */
  readonly leadingSpaces: 'all' | 'oneLess' | 'none';
  /** @param isStart nothing stands before `text` */
  encode(text: string, isStart: boolean): number[];
  /** The bytes of a token; undefined for special and unused ids. */
  bytesOf(id: number): Uint8Array | undefined;
  tokenToId(token: string): number | undefined;
}

/** Text as UTF-8 can hold it: halves of surrogate pairs become U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}
