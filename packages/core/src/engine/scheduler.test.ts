// The scheduler's rules as tables: given these sequences and blocks, expect these shares.
import { describe, expect, it } from 'vitest';
import type { RunnerLimits } from '../runner/runner.js';
import { GREEDY } from '../sampling/params.js';
import { next, resultOf, schedulerWith, sequence } from '../testing/scheduler-tables.js';
import type { Request } from './request.js';
import type { Scheduler, Step } from './scheduler.js';
import type { Sequence } from './sequence.js';

/** What matters of a step: `slot start+tokens(or 'gpu') blocks sample` per share, and the steps in a row. */
function summary(step: Step | undefined): unknown {
  return (
    step && {
      numSteps: step.plan.numSteps,
      shares: step.plan.sequences.map(
        ({ slot, startPosition, tokens, firstBlock, newBlocks, sample }) =>
          `slot ${slot}: ${startPosition}+${tokens.length || 'gpu'}, blocks ${firstBlock}+${newBlocks.length}${sample ? ', sample' : ''}`,
      ),
    }
  );
}

describe('a step', () => {
  it('cuts a prompt to the token budget and samples after its last chunk', () => {
    const scheduler = schedulerWith([sequence(18)]);
    expect(summary(scheduler.schedule(4))).toEqual({ numSteps: 1, shares: ['slot 0: 0+8, blocks 0+5'] });
    expect(summary(scheduler.schedule(4))).toEqual({ numSteps: 1, shares: ['slot 0: 8+8, blocks 5+0'] });
    expect(summary(scheduler.schedule(4))).toEqual({ numSteps: 1, shares: ['slot 0: 16+2, blocks 5+0, sample'] });
    expect(summary(scheduler.schedule(2))).toEqual({ numSteps: 2, shares: ['slot 0: 18+gpu, blocks 5+0, sample'] });
  });

  it('goes on from a token in flight without its id', () => {
    const scheduler = schedulerWith([sequence(4)]);
    next(scheduler);
    expect(summary(scheduler.schedule(1))).toEqual({ numSteps: 1, shares: ['slot 0: 4+gpu, blocks 1+1, sample'] });
    expect(summary(scheduler.schedule(1))).toEqual({ numSteps: 1, shares: ['slot 0: 5+gpu, blocks 2+0, sample'] });
  });

  it('mixes decoding with the start of a prompt, in order of arrival and within the budget', () => {
    const scheduler = schedulerWith([sequence(3)]);
    next(scheduler);
    scheduler.add(sequence(10));
    expect(summary(scheduler.schedule(4))).toEqual({
      numSteps: 1,
      shares: ['slot 0: 3+gpu, blocks 1+0, sample', 'slot 1: 0+7, blocks 0+3'],
    });
    expect(summary(scheduler.schedule(4))).toEqual({
      numSteps: 1,
      shares: ['slot 0: 4+gpu, blocks 1+1, sample', 'slot 1: 7+3, blocks 3+0, sample'],
    });
  });

  it('leaves out a sequence of which only results are missing', () => {
    const scheduler = schedulerWith([sequence(2, { maxLength: 4 })]);
    next(scheduler);
    next(scheduler);
    expect(scheduler.schedule(1)).toBeUndefined();
  });

  it('prepares a slot with what a sequence knows', () => {
    const scheduler = schedulerWith([sequence(2, { minLength: 3, stopIds: new Set([7]) })]);
    expect(next(scheduler).begins).toEqual([
      {
        slot: 0,
        params: GREEDY,
        promptIds: [0, 1],
        generatedIds: [],
        images: [],
        maxLength: 32,
        minLength: 3,
        stopIds: [7],
      },
    ]);
  });
});

describe('steps in a row', () => {
  const cases: [string, { first: Partial<Request>; maxSteps: number; limits?: Partial<RunnerLimits> }, number][] = [
    ['as many as wanted', { first: {}, maxSteps: 8 }, 8],
    ['no more than the length allows', { first: { maxLength: 8 }, maxSteps: 8 }, 3],
    ['no more than free blocks allow', { first: {}, maxSteps: 8, limits: { numBlocks: 2 } }, 4],
    [
      'no more than free places of the last block allow',
      { first: {}, maxSteps: 8, limits: { numBlocks: 1, blockSize: 7 } },
      3,
    ],
  ];
  it.each(cases)('%s', (_, { first, maxSteps, limits }, expected) => {
    const scheduler = schedulerWith([sequence(4, first)], limits);
    next(scheduler);
    expect(scheduler.schedule(maxSteps)?.plan.numSteps).toBe(expected);
  });

  it('reserve blocks for all of them beforehand', () => {
    const scheduler = schedulerWith([sequence(4)]);
    next(scheduler);
    expect(summary(scheduler.schedule(8))).toEqual({ numSteps: 8, shares: ['slot 0: 4+gpu, blocks 1+2, sample'] });
  });
});

describe('a full pool', () => {
  it('admits a sequence only if those that run can still grow', () => {
    const [first, second] = [sequence(4), sequence(4)];
    const scheduler = schedulerWith([first, second], { numBlocks: 2 });
    expect(next(scheduler).sequences).toEqual([first]);
    scheduler.finish(first);
    expect(next(scheduler).sequences).toEqual([second]);
  });

  /** Two sequences grow until the four blocks of the pool are taken and the first needs one more. */
  function untilPreemption(
    isInTime: boolean,
    others: Sequence[] = [],
  ): {
    scheduler: Scheduler;
    first: Sequence;
    second: Sequence;
    late: Step[];
  } {
    const [first, second] = [sequence(4), sequence(3)];
    const scheduler = schedulerWith([first, second, ...others], { numBlocks: 4 });
    const late: Step[] = [];
    while (second.status === 'running' || late.length === 0) {
      const step = next(scheduler);
      if (isInTime) scheduler.update(step, resultOf(step));
      late.push(step);
    }
    return { scheduler, first, second, late };
  }

  it('gives blocks of the latest arrival to an earlier one', () => {
    const { scheduler, first, second, late } = untilPreemption(true);
    expect(second.status).toBe('waiting');
    expect(late.at(-1)?.sequences).toEqual([first]);
    expect([scheduler.numRunning, scheduler.numWaiting]).toEqual([1, 1]);
    scheduler.checkIntegrity();
  });

  it('lets the latest arrival wait for a step rather than take from earlier ones', () => {
    const [first, second] = [sequence(3), sequence(6)];
    const scheduler = schedulerWith([first, second], { numBlocks: 4, maxPrefillTokenNum: 16 });
    let step = next(scheduler);
    while (step.sequences.includes(second)) step = next(scheduler);
    expect(step.sequences).toEqual([first]);
    expect(second.status).toBe('running');
    expect(scheduler.numFreeBlocks).toBe(0);
    scheduler.finish(first);
    expect(next(scheduler).plan.sequences).toMatchObject([{ startPosition: second.numComputed - 1, tokens: [] }]);
  });

  it('puts a preempted sequence before all that wait', () => {
    const third = sequence(1);
    const { scheduler, first, second } = untilPreemption(true, [third]);
    expect(third.status).toBe('waiting');
    scheduler.finish(first);
    expect(next(scheduler).sequences[0]).toBe(second);
  });

  it('brings a preempted sequence back with all it knows', () => {
    const { scheduler, first, second } = untilPreemption(true);
    const numKnown = second.numTokens;
    scheduler.finish(first);
    const back = next(scheduler);
    expect(back.sequences).toEqual([second]);
    expect(back.begins).toMatchObject([{ promptIds: [0, 1, 2], generatedIds: Array(numKnown - 3).fill(50) }]);
    expect(back.plan.sequences).toMatchObject([{ startPosition: 0, firstBlock: 0 }]);
  });

  it('keeps a preempted sequence out while ids of it are in flight', () => {
    const { scheduler, first, second, late } = untilPreemption(false);
    scheduler.finish(first);
    expect(second.numInFlight).toBeGreaterThan(0);
    expect(scheduler.schedule(1)).toBeUndefined();
    for (const step of late) scheduler.update(step, resultOf(step));
    expect(next(scheduler).sequences).toEqual([second]);
  });
});

describe('the queue', () => {
  it('admits in order of arrival, also past a sequence that would fit', () => {
    const [first, big, small] = [sequence(8), sequence(28), sequence(1)];
    const scheduler = schedulerWith([first, big, small], { maxBatchSize: 3 });
    expect(next(scheduler).sequences).toEqual([first]);
    expect(next(scheduler).sequences).toEqual([first]);
    expect(scheduler.numWaiting).toBe(2);
    scheduler.finish(first);
    expect(next(scheduler).sequences).toEqual([big]);
  });

  it('is bounded', () => {
    const scheduler = schedulerWith([sequence(1), sequence(1), sequence(1)], {}, { maxQueueLen: 1 });
    expect(() => scheduler.add(sequence(1))).toThrow(expect.objectContaining({ code: 'queue_full' }));
    next(scheduler);
    expect(() => scheduler.add(sequence(1))).toThrow(expect.objectContaining({ code: 'queue_full' }));
  });

  it('waits for a slot', () => {
    const all = [sequence(1), sequence(1), sequence(1)];
    const scheduler = schedulerWith(all);
    expect(next(scheduler).sequences).toEqual(all.slice(0, 2));
    scheduler.finish(all[0] as Sequence);
    expect(next(scheduler).sequences).toEqual(all.slice(1));
  });
});

describe('forced sequences', () => {
  it('are computed in chunks up to decodeFrom, then one token at a time, and never sample', () => {
    const scheduler = schedulerWith([sequence(12, { decodeFrom: 10, maxLength: 13 })]);
    const shares = [0, 1, 2, 3].map(() => next(scheduler, 8).plan);
    expect(shares.map(({ sequences: [share] }) => [share?.startPosition, share?.tokens.length])).toEqual([
      [0, 8],
      [8, 2],
      [10, 1],
      [11, 1],
    ]);
    expect(shares.every(({ numSteps, sequences: [s] }) => numSteps === 1 && s?.wantsLogits && !s.sample)).toBe(true);
    expect(scheduler.schedule(8)).toBeUndefined();
  });

  it('do not share a step with sampling ones', () => {
    const [generating, forced] = [sequence(2, { maxLength: 4 }), sequence(3, { decodeFrom: 3, maxLength: 4 })];
    const scheduler = schedulerWith([generating, forced]);
    expect(next(scheduler).sequences).toEqual([generating]);
    expect(next(scheduler).sequences).toEqual([generating]);
    expect(next(scheduler).sequences).toEqual([forced]);
  });
});

describe('blocks behind the window', () => {
  const limits = { window: 6, numBlocks: 9 };

  it('go back as soon as no token to come sees them, and others take them', () => {
    const long = sequence(20);
    const scheduler = schedulerWith([long], limits);
    // Token 8 sees 3 to 8, token 16 sees 11 to 16.
    const held = [8, 16, 20].map(() => {
      next(scheduler);
      return [long.heldBlocks.length, scheduler.numFreeBlocks];
    });
    expect(held).toEqual([
      [5, 4],
      [3, 6],
      [2, 7],
    ]);
    scheduler.add(sequence(20));
    next(scheduler);
    scheduler.checkIntegrity();
    expect(scheduler.numRunning).toBe(2);
  });

  it('are found by others while nobody has taken them', () => {
    const scheduler = schedulerWith([sequence(24)], limits, { enablePrefixCaching: true });
    for (const _ of [8, 16, 24]) next(scheduler);
    scheduler.add(sequence(24));
    const { plan } = next(scheduler);
    expect(plan.sequences.map(({ startPosition }) => startPosition)).toEqual([24, 20]);
    scheduler.checkIntegrity();
  });
});

describe('shared blocks', () => {
  const SHARING = { enablePrefixCaching: true };

  it('are in the first share of a sequence, whose first token comes after them', () => {
    const first = sequence(10);
    const scheduler = schedulerWith([first], {}, SHARING);
    expect(summary(next(scheduler))).toEqual({ numSteps: 1, shares: ['slot 0: 0+8, blocks 0+3'] });
    scheduler.add(sequence(14));
    // The first goes on to the middle of its third block: two are full.
    const { plan, begins, sequences } = next(scheduler);
    expect(summary({ plan, begins, sequences })).toEqual({
      numSteps: 1,
      shares: ['slot 0: 8+2, blocks 3+0, sample', 'slot 1: 8+6, blocks 0+4, sample'],
    });
    expect(plan.sequences[1]?.newBlocks.slice(0, 2)).toEqual(first.blocks.slice(0, 2));
    expect(scheduler.numFreeBlocks).toBe(8 - 3 - 2);
    expect(scheduler.counters).toMatchObject({ numTokensLookedUp: 8 + 12, numTokensFound: 8 });
    scheduler.checkIntegrity();
    for (const each of sequences) scheduler.finish(each);
    expect([scheduler.numFreeBlocks, scheduler.numCachedBlocks]).toEqual([5, 3]);
    scheduler.checkIntegrity();
  });

  it('let more sequences run than fit without them', () => {
    for (const enablePrefixCaching of [false, true]) {
      const scheduler = schedulerWith([sequence(17)], { maxPrefillTokenNum: 32 }, { enablePrefixCaching });
      next(scheduler);
      scheduler.add(sequence(18));
      next(scheduler);
      expect(scheduler.numRunning).toBe(enablePrefixCaching ? 2 : 1);
      scheduler.checkIntegrity();
    }
  });

  it('that are cached are no room for the sequence that is to share them', () => {
    const [first, other, head] = [sequence(9), sequence(1), sequence(13)];
    const scheduler = schedulerWith([first], { numBlocks: 5, maxPrefillTokenNum: 32 }, SHARING);
    next(scheduler);
    next(scheduler);
    scheduler.finish(first);
    scheduler.add(other);
    expect(next(scheduler).sequences).toEqual([other]);
    expect([scheduler.numFreeBlocks, scheduler.numCachedBlocks]).toEqual([2, 2]);
    // Two blocks are missing, and one must be left for the other sequence to grow by.
    scheduler.add(head);
    expect(next(scheduler).sequences).toEqual([other]);
    scheduler.finish(other);
    expect(next(scheduler).plan.sequences).toMatchObject([{ startPosition: 8 }]);
    scheduler.checkIntegrity();
  });

  it('of a preempted sequence are cached, and its own when it comes back', () => {
    const [first, second] = [sequence(4), sequence(3)];
    const scheduler = schedulerWith([first, second], { numBlocks: 4 }, SHARING);
    do {
      const step = next(scheduler);
      scheduler.update(step, resultOf(step));
    } while (second.status === 'running');
    expect(scheduler.numCachedBlocks).toBe(1);
    scheduler.finish(first);
    const { sequences, plan } = next(scheduler);
    expect(sequences).toEqual([second]);
    expect(plan.sequences).toMatchObject([{ startPosition: 4, firstBlock: 0 }]);
    expect(second.numCached).toBe(0);
  });

  it('of a preempted sequence that were given away are shared again once it is back', () => {
    const [first, second] = [sequence(4, { maxLength: 17 }), sequence(3)];
    const scheduler = schedulerWith([first, second], { numBlocks: 4 }, SHARING);
    for (let i = 0; i < 13; i++) {
      const step = next(scheduler);
      scheduler.update(step, resultOf(step));
    }
    expect([second.status, scheduler.numFreeBlocks, scheduler.numCachedBlocks]).toEqual(['waiting', 0, 0]);
    scheduler.finish(first);
    const { plan } = next(scheduler);
    expect(plan.sequences).toMatchObject([{ startPosition: 0, firstBlock: 0 }]);
    scheduler.finish(second);
    // Its full one, and what it has left of the first sequence's three.
    expect(scheduler.numCachedBlocks).toBe(1 + 2);
    scheduler.checkIntegrity();
  });
});

describe('results', () => {
  it('of sequences that ended meanwhile are dropped', () => {
    const ended = sequence(2);
    const scheduler = schedulerWith([ended]);
    const step = next(scheduler);
    const late = next(scheduler);
    expect(scheduler.update(step, resultOf(step, true))).toHaveLength(1);
    scheduler.finish(ended);
    expect(scheduler.update(late, resultOf(late))).toEqual([]);
    scheduler.finish(ended);
    scheduler.checkIntegrity();
  });

  it('that are missing break an invariant', () => {
    const scheduler = schedulerWith([sequence(2)]);
    expect(() => scheduler.update(next(scheduler), { sequences: [] })).toThrow('missing');
  });
});
