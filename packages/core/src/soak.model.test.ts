// A long run of one engine: hundreds of requests of mixed length, many of them cancelled, must leave nothing behind.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { createEngine, type Engine } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const MODEL = 'fixtures/models/tinystories-656k';
/** The adapter with slow barriers gets fewer. */
const NUM_REQUESTS = process.env['PAGEMIND_ADAPTER'] === 'swiftshader' ? 60 : 500;
const NUM_CLIENTS = 10;
/** Garbage that the collector may leave, and what tests themselves keep. */
const HEAP_SLACK = 2 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Footprint {
  readonly gpuBytes: number;
  readonly heapBytes: number;
  /** Neither free nor cached. */
  readonly heldBlocks: number;
}

async function footprint(engine: Engine): Promise<Footprint> {
  // What an event loop still holds is let go with its next turn.
  await new Promise((resolve) => setTimeout(resolve, 20));
  collectGarbage();
  const { numRunning, numWaiting, numBlocks, numFreeBlocks, numCachedBlocks, counters } = await engine.stats();
  expect([numRunning, numWaiting]).toEqual([0, 0]);
  return {
    gpuBytes: counters.gpuBytes,
    heapBytes: process.memoryUsage().heapUsed,
    heldBlocks: numBlocks - numFreeBlocks - numCachedBlocks,
  };
}

/** A small generator of pseudo-random numbers below `limit`: a run can be repeated. */
function createDice(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** One request; about every third is cancelled after some tokens, or before its first. */
async function ask(engine: Engine, roll: (limit: number) => number): Promise<'ended' | 'cancelled'> {
  const ids = Array.from({ length: 1 + roll(60) }, (_, i) => (i < 20 ? 3 + i : 3 + roll(500)));
  const maxNewTokens = 1 + roll(24);
  const cancelAfter = roll(3) === 0 ? roll(maxNewTokens) : Number.POSITIVE_INFINITY;
  const sampling =
    roll(2) === 0 ? { temperature: 0 } : { temperature: 1, topP: 0.9, repetitionPenalty: 1.1, seed: roll(1000) };
  const controller = new AbortController();
  let numTokens = 0;
  try {
    if (cancelAfter === 0) setTimeout(() => controller.abort(), roll(5));
    const request = { prompt: { kind: 'tokens', ids }, sampling, maxNewTokens, ignoreEos: true } as const;
    for await (const event of engine.generate(request, controller.signal)) {
      if (event.type === 'delta') numTokens += event.tokenIds.length;
      if (numTokens > cancelAfter) controller.abort();
    }
    expect(numTokens).toBe(maxNewTokens);
    return 'ended';
  } catch (error) {
    expect(error).toMatchObject({ code: 'aborted' });
    return 'cancelled';
  }
}

async function askMany(engine: Engine, numRequests: number, seed: number): Promise<number> {
  let [numLeft, numCancelled] = [numRequests, 0];
  const client = async (number: number): Promise<void> => {
    const roll = createDice(seed * 1000 + number);
    while (numLeft-- > 0) if ((await ask(engine, roll)) === 'cancelled') numCancelled++;
  };
  await Promise.all(Array.from({ length: NUM_CLIENTS }, (_, number) => client(number)));
  return numCancelled;
}

describeWithFixtures(MODEL, MODEL, (model) => {
  it('holds no more after hundreds of requests than after the first ones', { timeout: 600_000 }, async () => {
    // Few blocks and slots: requests queue, share, evict and preempt.
    const options = {
      maxBatchSize: 4,
      cacheBlockSeqLen: 16,
      sessionLen: 96,
      cacheMaxEntryCount: 7,
      maxPrefillTokenNum: 48,
    };
    const engine = await createEngine({ model, ...options });
    try {
      await askMany(engine, NUM_REQUESTS / 5, 1);
      const before = await footprint(engine);
      const numCancelled = await askMany(engine, NUM_REQUESTS, 2);
      const after = await footprint(engine);
      const { numPreemptions, numTokensFound } = await engine.stats();
      console.log({ numRequests: NUM_REQUESTS, numCancelled, numPreemptions, numTokensFound, before, after });
      expect(numCancelled).toBeGreaterThan(NUM_REQUESTS / 10);
      expect(numCancelled).toBeLessThan(NUM_REQUESTS / 2);
      expect(numPreemptions).toBeGreaterThan(0);
      expect(numTokensFound).toBeGreaterThan(0);
      expect([before.heldBlocks, after.heldBlocks]).toEqual([0, 0]);
      expect(after.gpuBytes).toBe(before.gpuBytes);
      expect(after.heapBytes - before.heapBytes).toBeLessThan(HEAP_SLACK);
    } finally {
      await engine.dispose();
    }
  });
});
