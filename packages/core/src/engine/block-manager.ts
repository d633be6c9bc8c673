// Hands out the blocks of the KV pool. A block is active (sequences use it), cached (none does, but its contents are known
// and may be wanted again) or free. Who uses it, the sequences know; what lies in it and where is the runner's business.
import { invariant } from '../errors.js';
import { PrefixCache } from './prefix-cache.js';

/** The states of a pool of blocks, ids from 0. */
export class BlockManager {
  readonly blockSize: number;
  /** A stack: the block freed last is taken first. */
  readonly #free: number[];
  /** Sequences that use an active block. */
  readonly #numUsers = new Map<number, number>();
  /** Cached blocks, the least recently used first, and what continues a block before the block itself. */
  readonly #cached = new Set<number>();
  readonly #prefixes = new PrefixCache();
  #numBlocks: number;

  constructor(numBlocks: number, blockSize: number) {
    this.#numBlocks = numBlocks;
    this.blockSize = blockSize;
    this.#free = Array.from({ length: numBlocks }, (_, i) => numBlocks - 1 - i);
  }

  /** Blocks of the pool. */
  get numBlocks(): number {
    return this.#numBlocks;
  }

  get numFree(): number {
    return this.#free.length;
  }

  get numCached(): number {
    return this.#cached.size;
  }

  /** Blocks that can be allocated. */
  get numAvailable(): number {
    return this.#free.length + this.#cached.size;
  }

  /** The pool has more blocks from now on. They are taken last. */
  grow(numBlocks: number): void {
    invariant(numBlocks >= this.#numBlocks, 'a pool does not shrink');
    const added = Array.from({ length: numBlocks - this.#numBlocks }, (_, i) => numBlocks - 1 - i);
    this.#free.unshift(...added);
    this.#numBlocks = numBlocks;
  }

  /** Blocks that hold `numTokens` tokens. */
  blocksFor(numTokens: number): number {
    return Math.ceil(numTokens / this.blockSize);
  }

  /** Blocks that hold the longest known start of a sequence, given the keys of its full blocks. */
  find(keys: readonly string[]): readonly number[] {
    return this.#prefixes.find(keys);
  }

  /** Blocks that could be allocated once `found` ones were shared. */
  numAvailableBeside(found: readonly number[]): number {
    return this.numAvailable - found.filter((block) => this.#cached.has(block)).length;
  }

  /** One more sequence uses blocks that were found. */
  share(found: readonly number[]): void {
    for (const block of found) {
      this.#cached.delete(block);
      this.#numUsers.set(block, this.#usersOf(block) + 1);
    }
  }

  /** Takes `count` blocks for one sequence, or none and gives undefined when fewer are available. */
  allocate(count: number): readonly number[] | undefined {
    if (count > this.numAvailable) return undefined;
    return Array.from({ length: count }, () => {
      const block = this.#free.pop() ?? this.#evict();
      this.#numUsers.set(block, 1);
      return block;
    });
  }

  /** Lets others find the first blocks of a sequence, which are full: submitted steps compute what `keys` spell out. */
  publish(keys: readonly string[], blocks: readonly number[]): void {
    this.#prefixes.publish(keys, blocks);
  }

  /**
   * Blocks for what is not known yet of `keys`, computed elsewhere: cached at once. Undefined, and nothing changes, where
   * there is no room for them.
   */
  adopt(keys: readonly string[]): readonly number[] | undefined {
    const known = this.find(keys);
    this.share(known);
    const blocks = this.allocate(keys.length - known.length);
    const path = [...known, ...(blocks ?? [])];
    this.publish(keys.slice(0, path.length), path);
    this.release(keys, path);
    return blocks;
  }

  /**
   * A sequence gives blocks back: those that no other uses are cached, or free when they were not published. Steps
   * submitted before may still use them: the GPU's queue runs those before any step of the next user.
   * @param numBefore blocks of the sequence before these
   */
  release(keys: readonly string[], blocks: readonly number[], numBefore = 0): void {
    for (const block of blocks.toReversed()) {
      const numOthers = this.#usersOf(block) - 1;
      invariant(numOthers >= 0, `block ${block} is given back twice`);
      if (numOthers > 0) this.#numUsers.set(block, numOthers);
      else this.#numUsers.delete(block);
      if (numOthers === 0 && !this.#prefixes.has(block)) this.#free.push(block);
    }
    // The whole path was of use, even where the sequence had copies of its own: so whatever continues a cached block comes
    // before it, and is evicted before it.
    for (const block of this.#prefixes.find(keys.slice(0, numBefore + blocks.length)).toReversed()) {
      if (this.#numUsers.has(block)) continue;
      this.#cached.delete(block);
      this.#cached.add(block);
    }
  }

  /**
   * Checks that every block is in one state, and active ones in as many tables as they have users.
   * @throws PagemindError `internal` naming the block.
   */
  checkIntegrity(tables: Iterable<readonly number[]>): void {
    const held = [...tables].flat();
    const states = [...this.#free, ...this.#cached, ...this.#numUsers.keys()];
    for (const block of [...states, ...held]) {
      invariant(block >= 0 && block < this.numBlocks, `block ${block} does not exist`);
    }
    invariant(new Set(states).size === states.length, 'a block is in two states');
    invariant(states.length === this.numBlocks, `${this.numBlocks - states.length} blocks are lost`);
    const numHeld = new Map<number, number>();
    for (const block of held) numHeld.set(block, (numHeld.get(block) ?? 0) + 1);
    for (const block of states) {
      const [numUsers, numTables] = [this.#usersOf(block), numHeld.get(block) ?? 0];
      invariant(numUsers === numTables, `block ${block} has ${numUsers} users and is in ${numTables} tables`);
    }
    for (const block of this.#cached) invariant(this.#prefixes.has(block), `block ${block} cannot be found`);
    for (const block of this.#free) invariant(!this.#prefixes.has(block), `block ${block} is found though it is free`);
  }

  #usersOf(block: number): number {
    return this.#numUsers.get(block) ?? 0;
  }

  /** Takes the place of the cached block that was used least recently. */
  #evict(): number {
    const [block] = this.#cached;
    invariant(block !== undefined, 'a block is available');
    this.#cached.delete(block);
    // What still continues it is active, in a sequence that has a copy of this block: it is found again when that sequence
    // publishes its copy, with the next block that it fills.
    this.#prefixes.forget(block);
    return block;
  }
}
