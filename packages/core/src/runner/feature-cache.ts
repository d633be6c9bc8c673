// Which rows of the feature buffer hold the features of which image. The least recently used ones make room. Pure
// bookkeeping; the rows are written by image-runner.ts.
import { invariant } from '../errors.js';

interface Entry {
  readonly firstRow: number;
  readonly numRows: number;
}

export class FeatureCache {
  readonly #numRows: number;
  /** In order of use, the least recent first. */
  readonly #entries = new Map<string, Entry>();

  constructor(numRows: number) {
    this.#numRows = numRows;
  }

  /** First row of the features of the image with this hash, where they are; it counts as a use. */
  find(hash: string): number | undefined {
    const entry = this.#entries.get(hash);
    if (!entry) return undefined;
    this.#entries.delete(hash);
    this.#entries.set(hash, entry);
    return entry.firstRow;
  }

  /** Takes `numRows` rows in a row for an image, at the expense of others; gives the first. */
  reserve(hash: string, numRows: number): number {
    invariant(numRows <= this.#numRows, 'an image has more rows than the cache');
    this.#entries.delete(hash);
    let firstRow = this.#findGap(numRows);
    while (firstRow === undefined) {
      const [oldest] = this.#entries.keys();
      invariant(oldest !== undefined, 'an empty cache has no room');
      this.#entries.delete(oldest);
      firstRow = this.#findGap(numRows);
    }
    this.#entries.set(hash, { firstRow, numRows });
    return firstRow;
  }

  #findGap(numRows: number): number | undefined {
    let end = 0;
    for (const entry of [...this.#entries.values()].sort((a, b) => a.firstRow - b.firstRow)) {
      if (entry.firstRow - end >= numRows) return end;
      end = entry.firstRow + entry.numRows;
    }
    return this.#numRows - end >= numRows ? end : undefined;
  }
}
