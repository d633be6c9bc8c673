// Reads a list of ranges in order, a bounded number ahead of whoever consumes them, and counts the bytes it holds.
import { invariant } from '../errors.js';
import type { ByteSource } from './source.js';

/** A range of a file. */
export interface RangeRead {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** Bytes in JavaScript's hands: from the start of their read until the consumer asks for the next. */
export interface HeldBytes {
  now: number;
  peak: number;
}

/** Reads under way or in use at one time. */
const MAX_READS = 2;

/**
 * Yields each read with its bytes. Leaving the loop, by whatever way, stops the reads under way and waits for their end.
 * @throws what {@link ByteSource.read} throws.
 */
export async function* readAhead<Read extends RangeRead>(
  reads: readonly Read[],
  held: HeldBytes,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly [Read, Uint8Array<ArrayBuffer>], void, void> {
  const left = new AbortController();
  const stop = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  const pending: Promise<Uint8Array<ArrayBuffer>>[] = [];
  const start = ({ source, offset, length }: RangeRead): void => {
    held.now += length;
    held.peak = Math.max(held.peak, held.now);
    const reading = source.read(offset, length, stop);
    reading.catch(() => undefined); // it is awaited in its turn, or not at all when an earlier one fails
    pending.push(reading);
  };
  let numStarted = 0;
  try {
    for (const read of reads) {
      for (; numStarted < reads.length && pending.length < MAX_READS; numStarted++) start(reads[numStarted] as Read);
      const bytes = await pending.shift();
      invariant(bytes?.length === read.length, 'a source gives as many bytes as it is asked for');
      yield [read, bytes];
      held.now -= read.length;
    }
  } finally {
    left.abort();
    await Promise.allSettled(pending);
  }
}
