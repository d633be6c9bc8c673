// Finds which of many strings a text has at a place, without a table: the strings are sorted, and every further character
// narrows the range of those that still fit. What the strings mean is the caller's business.

/** Sorted strings, searched by prefix. */
export class PrefixIndex {
  /** Ascending by UTF-16 code units, none twice, none empty. */
  readonly #sorted: readonly string[];
  /** What they begin with: most places of most texts have none of it. */
  readonly #firstUnits: ReadonlySet<number>;

  constructor(strings: Iterable<string>) {
    this.#sorted = [...new Set(strings)].filter((string) => string !== '').sort();
    this.#firstUnits = new Set(this.#sorted.map((string) => string.charCodeAt(0)));
  }

  /** The strings that `text` has at `start`, shortest first. */
  matches(text: string, start: number): string[] {
    const found: string[] = [];
    if (!this.#firstUnits.has(text.charCodeAt(start))) return found;
    let [low, high] = [0, this.#sorted.length];
    for (let depth = 0; low < high && start + depth < text.length; depth++) {
      const unit = text.charCodeAt(start + depth);
      low = this.#firstFrom(unit, depth, low, high);
      high = this.#firstFrom(unit + 1, depth, low, high);
      const first = this.#sorted[low];
      if (low < high && first?.length === depth + 1) found.push(first);
    }
    return found;
  }

  /** Cuts `text` at the strings it has: the leftmost first, the longest of those. Joined, the pieces are the text. */
  *split(text: string): IterableIterator<{ readonly text: string; readonly isMatch: boolean }> {
    let done = 0;
    let at = 0;
    while (this.#sorted.length > 0 && at < text.length) {
      const match = this.matches(text, at).at(-1);
      if (match === undefined) {
        at++;
        continue;
      }
      if (at > done) yield { text: text.slice(done, at), isMatch: false };
      yield { text: match, isMatch: true };
      at += match.length;
      done = at;
    }
    if (done < text.length) yield { text: text.slice(done), isMatch: false };
  }

  /** The first in the range whose code unit at `depth` is not below `unit`; shorter strings count as below all. */
  #firstFrom(unit: number, depth: number, low: number, high: number): number {
    let [from, to] = [low, high];
    while (from < to) {
      const middle = (from + to) >>> 1;
      // NaN, for a string that ends before, is not at least anything.
      if ((this.#sorted[middle] ?? '').charCodeAt(depth) >= unit) to = middle;
      else from = middle + 1;
    }
    return from;
  }
}
