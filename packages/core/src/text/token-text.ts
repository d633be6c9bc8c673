// One token as a text of its own, for those who look at tokens one by one. The text of an answer is the detokenizer's work.
import type { Tokenizer } from './tokenizer.js';

/** What one token stands for. */
export interface TokenText {
  /** Bytes that are no character on their own show as U+FFFD. */
  readonly text: string;
  /** UTF-8, perhaps of a part of a character. */
  readonly bytes: Uint8Array;
}

/** The text of a token; that of a special token is its spelling. Ids without a token have none. */
export function tokenText(tokenizer: Tokenizer, id: number): TokenText {
  const bytes = tokenizer.tokenBytes?.(id) ?? new TextEncoder().encode(tokenizer.decode([id]));
  return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), bytes };
}
