// Ids to text while they are generated: says what is certain, keeps the rest back. One per sequence; knows nothing of stop words.
import type { Tokenizer } from './tokenizer.js';

/**
 * How many ids stay as context. Their text is out already: they are there so that a decoder which treats the first token
 * differently (Llama drops a leading space) does not do so in the middle, and so that UTF-8 is in step again whatever
 * came before them: it is after at most 3 bytes.
 */
const NUM_CONTEXT_IDS = 8;

/** The window grows this far when its latest ids have no text. */
const MAX_WINDOW_IDS = 64;

/** A UTF-8 character lacks its last byte at the most three times, and each byte shows as one U+FFFD at the most. */
const MAX_UNFINISHED_CHARS = 3;

/** Options of {@link createDetokenizer}. */
export interface DetokenizerOptions {
  /** Leave special tokens out of the text; default true. */
  readonly skipSpecialTokens?: boolean;
  /**
   * The ids before the first one pushed, e.g. the prompt; their text is not given out. With them a completion keeps its
   * leading space, without them the text is that of the pushed ids alone.
   */
  readonly context?: readonly number[];
}

/** Turns a stream of ids into a stream of text; all pieces joined are `tokenizer.decode` of all ids. */
export interface Detokenizer {
  /** Takes the next id and returns the text that has become certain, often ''. The cost does not grow with the stream. */
  push(id: number): string;
  /** Returns what was kept back; unfinished UTF-8 comes out as U+FFFD. Call it once, at the end. */
  flush(): string;
}

/** Makes the detokenizer of one sequence. */
export function createDetokenizer(tokenizer: Tokenizer, options: DetokenizerOptions = {}): Detokenizer {
  return new WindowDetokenizer(tokenizer, options.skipSpecialTokens ?? true, options.context ?? []);
}

/** The length of the part of `text` that later bytes cannot change. */
function certainLength(text: string): number {
  let length = text.length;
  while (length > 0 && text.length - length < MAX_UNFINISHED_CHARS && text[length - 1] === '\uFFFD') length--;
  return length;
}

class WindowDetokenizer implements Detokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecialTokens: boolean;
  /** The latest ids: NUM_CONTEXT_IDS, growing to twice as many before it is shortened again. */
  #window: number[];
  /** The text of the window, and how much of it is out. */
  #text: string;
  #numEmitted: number;

  constructor(tokenizer: Tokenizer, skipSpecialTokens: boolean, context: readonly number[]) {
    this.#tokenizer = tokenizer;
    this.#skipSpecialTokens = skipSpecialTokens;
    this.#window = context.filter((id) => !this.#isSkipped(id)).slice(-NUM_CONTEXT_IDS);
    this.#text = this.#decode(this.#window);
    this.#numEmitted = certainLength(this.#text);
  }

  push(id: number): string {
    if (this.#isSkipped(id)) return '';
    if (this.#window.length >= 2 * NUM_CONTEXT_IDS) this.#shortenWindow();
    this.#window.push(id);
    this.#text = this.#decode(this.#window);
    return this.#emit(certainLength(this.#text));
  }

  flush(): string {
    return this.#emit(this.#text.length);
  }

  #emit(end: number): string {
    const piece = this.#text.slice(this.#numEmitted, end);
    this.#numEmitted = Math.max(this.#numEmitted, end);
    return piece;
  }

  /**
   * Forgets the oldest ids. Only the end of the text is sure to stay as it is, so what is kept back is counted from there.
   * Ids without text (the rows that pad an embedding) are no context, so they may not push it out.
   */
  #shortenWindow(): void {
    const numKeptBack = this.#text.length - this.#numEmitted;
    const window = this.#window.slice(-NUM_CONTEXT_IDS);
    const text = this.#decode(window);
    if (text.length <= numKeptBack && this.#window.length < MAX_WINDOW_IDS) return;
    this.#window = window;
    this.#text = text;
    this.#numEmitted = Math.max(0, text.length - numKeptBack);
  }

  #isSkipped(id: number): boolean {
    return this.#skipSpecialTokens && this.#tokenizer.specialIds.has(id);
  }

  #decode(ids: readonly number[]): string {
    return this.#tokenizer.decode(ids, { skipSpecialTokens: this.#skipSpecialTokens });
  }
}
