// Hands out the blocks of the KV pool. A block has one owner at a time; who that is, the sequences know. What lies in a
// block and where is the runner's business.
import { invariant } from '../errors.js';

/** The free list of a pool of `numBlocks` blocks, ids from 0. */
export class BlockManager {
  readonly numBlocks: number;
  readonly blockSize: number;
  /** A stack: the block freed last is taken first. */
  readonly #free: number[];

  constructor(numBlocks: number, blockSize: number) {
    this.numBlocks = numBlocks;
    this.blockSize = blockSize;
    this.#free = Array.from({ length: numBlocks }, (_, i) => numBlocks - 1 - i);
  }

  get numFree(): number {
    return this.#free.length;
  }

  /** Blocks that hold `numTokens` tokens. */
  blocksFor(numTokens: number): number {
    return Math.ceil(numTokens / this.blockSize);
  }

  /** Takes `count` blocks, or none and gives undefined when fewer are free. */
  allocate(count: number): readonly number[] | undefined {
    if (count > this.#free.length) return undefined;
    return this.#free.splice(this.#free.length - count, count).reverse();
  }

  /**
   * Gives blocks back. Steps submitted before may still use them: the GPU's queue runs those before any step of the
   * next owner.
   */
  free(blocks: readonly number[]): void {
    this.#free.push(...blocks.toReversed());
  }

  /**
   * Checks that every block is either free or in exactly one of the tables.
   * @throws PagemindError `internal` naming the block.
   */
  checkIntegrity(tables: Iterable<readonly number[]>): void {
    const seen = new Set<number>();
    for (const table of [this.#free, ...tables]) {
      for (const block of table) {
        invariant(block >= 0 && block < this.numBlocks, `block ${block} does not exist`);
        invariant(!seen.has(block), `block ${block} is held twice`);
        seen.add(block);
      }
    }
    invariant(seen.size === this.numBlocks, `${this.numBlocks - seen.size} blocks are lost`);
  }
}
