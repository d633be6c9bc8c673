// Finds the tokens that contain a word, for those who want to ban it. A word of several tokens is contained in none of them.
import { tokenText } from './token-text.js';
import type { Tokenizer } from './tokenizer.js';

/** Looking through a vocabulary takes a tenth of a second, so what was found is kept for this many words. */
const MAX_KEPT_WORDS = 256;

export class WordFinder {
  readonly #tokenizer: Tokenizer;
  /** The word found last comes last. */
  readonly #found = new Map<string, readonly number[]>();

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** For every word the ids, ascending, of the tokens whose text contains it. Special tokens contain nothing. */
  find(words: readonly string[]): readonly (readonly number[])[] {
    const missing = [...new Set(words)].filter((word) => !this.#found.has(word));
    if (missing.length > 0) this.#search(missing);
    const found = words.map((word) => this.#found.get(word) ?? []);
    for (const word of this.#found.keys()) {
      if (this.#found.size <= MAX_KEPT_WORDS) break;
      this.#found.delete(word);
    }
    return found;
  }

  #search(words: readonly string[]): void {
    const found = words.map((word): [string, number[]] => [word, []]);
    for (let id = 0; id < this.#tokenizer.vocabSize; id++) {
      if (this.#tokenizer.specialIds.has(id)) continue;
      const { text } = tokenText(this.#tokenizer, id);
      for (const [word, ids] of found) if (text.includes(word)) ids.push(id);
    }
    for (const [word, ids] of found) this.#found.set(word, ids);
  }
}
