// Reading ahead: order, bound, and an end to all reads however the loop is left.
import { describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { type HeldBytes, readAhead } from './read-ahead.js';
import type { ByteSource } from './source.js';

interface Waiting {
  readonly offset: number;
  finish(error?: Error): void;
}

/** A source whose reads end when told to, or when aborted. */
function slowSource() {
  const waiting: Waiting[] = [];
  const underWay = new Set<number>();
  const source: ByteSource = {
    size: 1000,
    read: (offset, length, signal) =>
      new Promise((resolve, reject) => {
        underWay.add(offset);
        const fail = (error: Error) => {
          underWay.delete(offset);
          reject(error);
        };
        const finish = (error?: Error) => {
          if (error) return fail(error);
          underWay.delete(offset);
          return resolve(new Uint8Array(length).fill(offset));
        };
        waiting.push({ offset, finish });
        signal?.addEventListener('abort', () => fail(new PagemindError('aborted', 'aborted')));
      }),
  };
  return { source, waiting, underWay };
}

const readsOf = (source: ByteSource) => [0, 10, 20, 30].map((offset) => ({ source, offset, length: 10 + offset }));
const tick = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('readAhead', () => {
  it('keeps two reads under way, gives them in order and counts what is held', async () => {
    const { source, waiting } = slowSource();
    const held: HeldBytes = { now: 0, peak: 0 };
    const iterator = readAhead(readsOf(source), held, undefined);
    const first = iterator.next();
    await tick();
    expect(waiting.map(({ offset }) => offset)).toEqual([0, 10]);
    expect(held.now).toBe(10 + 20);
    waiting[1]?.finish();
    await tick();
    waiting[0]?.finish();
    expect((await first).value?.[1]).toEqual(new Uint8Array(10).fill(0));
    expect((await iterator.next()).value?.[1]).toEqual(new Uint8Array(20).fill(10));
    const third = iterator.next();
    await tick();
    expect(held.now).toBe(30 + 40);
    for (const { offset, finish } of waiting) if (offset >= 20) finish();
    expect((await third).value?.[0].offset).toBe(20);
    expect((await iterator.next()).value?.[0].offset).toBe(30);
    expect((await iterator.next()).done).toBe(true);
    expect(held).toEqual({ now: 0, peak: 70 });
  });

  it('stops the reads under way when the consumer leaves', async () => {
    const { source, waiting, underWay } = slowSource();
    const reading = (async () => {
      for await (const [read] of readAhead(readsOf(source), { now: 0, peak: 0 }, undefined)) {
        throw new Error(`consumer failed at ${read.offset}`);
      }
    })();
    await tick();
    waiting[0]?.finish();
    await expect(reading).rejects.toThrow('consumer failed at 0');
    expect(underWay.size).toBe(0);
    expect(waiting).toHaveLength(2);
  });

  it('stops the other reads when one fails', async () => {
    const { source, waiting, underWay } = slowSource();
    const first = readAhead(readsOf(source), { now: 0, peak: 0 }, undefined).next();
    await tick();
    waiting[0]?.finish(new PagemindError('source_unreachable', 'gone'));
    await expect(first).rejects.toMatchObject({ code: 'source_unreachable' });
    expect(underWay.size).toBe(0);
  });

  it('stops when aborted', async () => {
    const { source, underWay } = slowSource();
    const controller = new AbortController();
    const first = readAhead(readsOf(source), { now: 0, peak: 0 }, controller.signal).next();
    await tick();
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: 'aborted' });
    expect(underWay.size).toBe(0);
  });
});
