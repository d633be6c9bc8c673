// Keys and values on their way out of an engine and into another one. Blocks are not held meanwhile: a window is copied in
// the order of the GPU's queue, and where the next one is no longer there the way ends.
import type { ModelRunner } from '../runner/runner.js';
import type { KvPages, KvQuery } from './core.js';
import { clipSpans } from './images.js';
import { blockKey } from './prefix-cache.js';
import type { EncodedPrompt } from './prompt.js';
import type { Scheduler } from './scheduler.js';

/** Bytes of a window; one block always fits. */
const WINDOW_BYTES = 4 * 2 ** 20;

/** Where pages come from and go to. */
export interface KvPlace {
  readonly runner: ModelRunner;
  readonly scheduler: Scheduler;
  /** See {@link KvPages.origin}. */
  readonly origin: string;
}

/** Keys of all full blocks of a prompt. */
export function keysOf({ ids, images }: EncodedPrompt, blockSize: number): readonly string[] {
  return Array.from({ length: Math.floor(ids.length / blockSize) }, (_, i) => {
    const [start, end] = [i * blockSize, (i + 1) * blockSize];
    return blockKey(ids.slice(start, end), clipSpans(images, start, end));
  });
}

/** A window of what is cached of `keys`. */
export async function readKv(
  { runner, scheduler, origin }: KvPlace,
  { keys: wanted, firstBlock }: Exclude<KvQuery, { readonly prompt: unknown }>,
): Promise<KvPages | undefined> {
  const found = scheduler.find(wanted);
  const numBlocks = Math.min(found.length - firstBlock, numBlocksOfWindow(runner));
  if (numBlocks <= 0) return undefined;
  const bytes = await runner.readBlocks(found.slice(firstBlock, firstBlock + numBlocks));
  return { origin, keys: wanted.slice(0, found.length), firstBlock, numBlocks, bytes };
}

/** Takes a window in, or leaves it; it may come from anywhere. What is there already stays. */
export function writeKv({ runner, scheduler, origin }: KvPlace, pages: KvPages): boolean {
  if (pages.origin !== origin || !isWindow(pages, runner)) return false;
  const { firstBlock, numBlocks, bytes } = pages;
  const keys = pages.keys.slice(0, firstBlock + numBlocks);
  const numKnown = scheduler.find(keys).length;
  const blocks = numKnown < firstBlock ? undefined : scheduler.adopt(keys);
  if (blocks) runner.writeBlocks(blocks, bytes.subarray((numKnown - firstBlock) * runner.blockBytes));
  return blocks !== undefined;
}

function isWindow({ keys, firstBlock, numBlocks, bytes }: KvPages, runner: ModelRunner): boolean {
  const isPlace = Number.isSafeInteger(firstBlock) && firstBlock >= 0 && Number.isSafeInteger(numBlocks);
  const isSized = numBlocks > 0 && numBlocks <= numBlocksOfWindow(runner);
  const isWhole = bytes instanceof Uint8Array && bytes.length === numBlocks * runner.blockBytes;
  return isPlace && isSized && isWhole && isStrings(keys) && firstBlock + numBlocks <= keys.length;
}

function numBlocksOfWindow({ blockBytes }: ModelRunner): number {
  return Math.max(1, Math.floor(WINDOW_BYTES / blockBytes));
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
