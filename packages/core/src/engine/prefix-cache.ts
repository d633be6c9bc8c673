// Knows which block holds which tokens, as a tree: the parent of a block holds the tokens before its own. Keys spell the
// contents out and are compared whole, so there is no hash that could collide. Who uses a block, and when its place is
// needed for something else, is block-manager.ts's business.
import { invariant } from '../errors.js';
import type { ImageSpan } from '../runner/runner.js';

/**
 * All that the keys and values of a full block depend on, beside the blocks before it: its tokens, where a row of an image
 * counts as this row of this image. (Should other things come to matter, like an adapter, they belong in a sequence's
 * first key.)
 */
export function blockKey(ids: readonly number[], images: readonly ImageSpan[]): string {
  const rows = images.map((span) => [span.image.hash, span.firstFeature, span.firstToken, span.numRows]);
  return JSON.stringify([ids, rows]);
}

type Siblings = Map<string, Entry>;

interface Entry {
  readonly block: number;
  readonly key: string;
  readonly siblings: Siblings;
  readonly children: Siblings;
}

export class PrefixCache {
  /** Blocks that begin a sequence. */
  readonly #roots: Siblings = new Map();
  readonly #entries = new Map<number, Entry>();

  /** Whether the contents of the block are known. */
  has(block: number): boolean {
    return this.#entries.has(block);
  }

  /** Blocks that hold the longest known start of `keys`. */
  find(keys: readonly string[]): readonly number[] {
    const found: number[] = [];
    let level = this.#roots;
    for (const key of keys) {
      const entry = level.get(key);
      if (!entry) break;
      found.push(entry.block);
      level = entry.children;
    }
    return found;
  }

  /** Makes the contents of blocks known. Where another block holds the same already, that one stays. */
  publish(keys: readonly string[], blocks: readonly number[]): void {
    let siblings = this.#roots;
    for (const [i, key] of keys.entries()) {
      const entry = siblings.get(key) ?? this.#add(key, blocks[i], siblings);
      siblings = entry.children;
    }
  }

  /** The block will hold something else: neither it nor what continues it is found any more. */
  forget(block: number): void {
    const entry = this.#entries.get(block);
    if (!entry) return;
    entry.siblings.delete(entry.key);
    this.#entries.delete(block);
    for (const child of entry.children.values()) this.forget(child.block);
  }

  #add(key: string, block: number | undefined, siblings: Siblings): Entry {
    invariant(block !== undefined && !this.#entries.has(block), `block ${block} holds something else`);
    const entry: Entry = { block, key, siblings, children: new Map() };
    siblings.set(key, entry);
    this.#entries.set(block, entry);
    return entry;
  }
}
