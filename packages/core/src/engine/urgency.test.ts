// Who is let in and who makes room, by priority and arrival, and that nobody waits forever.
import { describe, expect, it } from 'vitest';
import { next, resultOf, schedulerWith, sequence } from '../testing/scheduler-tables.js';
import type { Sequence } from './sequence.js';

describe('priorities', () => {
  const of = (priority: number, numPrompt = 1): Sequence => sequence(numPrompt, { priority });

  it('decide who is let in first; equal ones come in order of arrival', () => {
    const [low, first, urgent, second] = [of(-1), of(0), of(7), of(0)];
    const scheduler = schedulerWith([low, first, urgent, second], { maxBatchSize: 4 });
    expect(next(scheduler).sequences).toEqual([urgent, first, second, low]);
  });

  it('take no slot from one that runs', () => {
    const [running, urgent] = [of(0), of(7)];
    const scheduler = schedulerWith([running], { maxBatchSize: 1 });
    next(scheduler);
    scheduler.add(urgent);
    expect(next(scheduler).sequences).toEqual([running]);
    scheduler.finish(running);
    expect(next(scheduler).sequences).toEqual([urgent]);
  });

  it('decide who makes room: the lowest, and of equal ones the latest', () => {
    const [first, low, second] = [of(1, 4), of(0, 4), of(1, 4)];
    const scheduler = schedulerWith([first, low, second], { maxBatchSize: 3, numBlocks: 7, maxPrefillTokenNum: 12 });
    const gone: Sequence[] = [];
    for (let i = 0; i < 16; i++) {
      const step = scheduler.schedule(1);
      if (step) scheduler.update(step, resultOf(step));
      for (const each of [first, low, second]) if (each.status === 'waiting' && !gone.includes(each)) gone.push(each);
      scheduler.checkIntegrity();
    }
    expect(gone).toEqual([low, second]);
    expect(first.status).toBe('running');
  });

  it('let nobody wait for more than maxOvertaken later arrivals', () => {
    const [low, lower] = [of(-1), of(-2)];
    const scheduler = schedulerWith([lower, low], { maxBatchSize: 1 }, { maxOvertaken: 3, maxQueueLen: 20 });
    const begun: Sequence[] = [];
    for (let i = 0; i < 7; i++) {
      // There is always someone more urgent.
      scheduler.add(of(5));
      const [running] = next(scheduler).sequences;
      if (!running) break;
      begun.push(running);
      scheduler.finish(running);
    }
    // The lowest came first: it has been overtaken three times, then the other as often.
    expect(begun.map((each) => [lower, low].indexOf(each))).toEqual([-1, -1, -1, 0, 1, -1, -1]);
  });
});
