// How a plan becomes the words that kernels read.
import { describe, expect, it } from 'vitest';
import { InputBatch } from './input-batch.js';
import type { ScheduledSequence } from './runner.js';

const sequence = (
  slot: number,
  startPosition: number,
  tokens: number[],
  sample = true,
  numProposed = 0,
): ScheduledSequence => ({
  slot,
  startPosition,
  tokens,
  numProposed,
  images: [],
  firstBlock: 0,
  newBlocks: [],
  sample,
  wantsLogits: false,
});

describe('InputBatch', () => {
  it('lays sequences out one after the other and cuts them into tiles', () => {
    const batch = new InputBatch(16);
    const ranges = batch.fill([sequence(2, 4, [7, 8, 9]), sequence(0, 10, [])], 2, (slot) => slot * 100);
    expect(ranges).toEqual([
      { first: 0, count: 3 },
      { first: 3, count: 1 },
    ]);
    const fromState = 0xffffffff;
    expect([...batch.rows.subarray(0, 16)]).toEqual([2, 4, 7, 204, 2, 5, 8, 205, 2, 6, 9, 206, 0, 10, fromState, 10]);
    expect([...batch.tiles.subarray(0, 12)]).toEqual([2, 0, 2, 4, 2, 2, 1, 6, 0, 3, 1, 10]);
    expect([...batch.sampleRows.subarray(0, 2)]).toEqual([2, 3]);
    expect(batch).toMatchObject({ numRows: 4, numTiles: 3, numSampled: 2, isDecode: false });
  });

  it('takes the decode path when every sequence has one token, given or not', () => {
    const batch = new InputBatch(4);
    batch.fill([sequence(0, 5, []), sequence(1, 0, [3], false)], 1, () => 0);
    expect(batch).toMatchObject({ numRows: 2, numSampled: 1, isDecode: true });
    batch.fill([sequence(0, 5, [1, 2])], 1, () => 0);
    expect(batch.isDecode).toBe(false);
  });

  it('samples before every proposed token, too', () => {
    const batch = new InputBatch(8);
    batch.fill([sequence(0, 5, [3, 8, 9], true, 2), sequence(1, 2, [])], 4, () => 0);
    expect([...batch.sampleRows.subarray(0, 4)]).toEqual([0, 1, 2, 3]);
    expect(batch).toMatchObject({ numRows: 4, numSampled: 4, isDecode: false });
  });

  it('takes one path for everything when there is no decode path', () => {
    const batch = new InputBatch(4, false);
    batch.fill([sequence(0, 5, []), sequence(1, 0, [3], false)], 1, () => 0);
    expect(batch).toMatchObject({ numRows: 2, numTiles: 2, numSampled: 1, isDecode: false });
  });
});
