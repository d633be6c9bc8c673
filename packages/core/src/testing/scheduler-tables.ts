// What tests of the scheduler's rules share: small sequences, a scheduler that has them queued, and steps by hand.

import type { Request } from '../engine/request.js';
import { Scheduler, type SchedulerOptions, type Step } from '../engine/scheduler.js';
import { Sequence } from '../engine/sequence.js';
import type { RunnerLimits, StepResult } from '../runner/runner.js';
import { GREEDY } from '../sampling/params.js';

const LIMITS: RunnerLimits = {
  maxBatchSize: 2,
  numBlocks: 8,
  firstBlocks: 8,
  maxVerifyRows: 8,
  blockSize: 4,
  sessionLen: 64,
  maxPrefillTokenNum: 8,
  maxStepsPerSubmit: 8,
  vocabSize: 100,
  maxImageRows: 0,
  maxSharedLen: Number.POSITIVE_INFINITY,
  window: Number.POSITIVE_INFINITY,
  maxKeptLen: Number.POSITIVE_INFINITY,
};

/** A sequence of ids that count up from 0. */
export function sequence(numPrompt: number, more: Partial<Request> = {}): Sequence {
  return new Sequence({
    promptIds: Array.from({ length: numPrompt }, (_, i) => i),
    images: [],
    sampling: GREEDY,
    maxLength: 32,
    minLength: 0,
    stopIds: new Set(),
    priority: 0,
    maxKeptLen: Number.POSITIVE_INFINITY,
    ...more,
  });
}

/** Without shared blocks, unless they are what the test is about: all sequences here begin alike. */
export function schedulerWith(
  sequences: Sequence[],
  limits: Partial<RunnerLimits> = {},
  options: Partial<SchedulerOptions> = {},
): Scheduler {
  const { numBlocks = LIMITS.numBlocks } = limits;
  const all = { ...LIMITS, firstBlocks: numBlocks, ...limits };
  const scheduler = new Scheduler(all, { maxQueueLen: 8, enablePrefixCaching: false, ...options });
  for (const each of sequences) scheduler.add(each);
  return scheduler;
}

/** What a runner returns for a step: token 50 each time. */
export function resultOf({ plan }: Step, isDone = false): StepResult {
  return {
    sequences: plan.sequences
      .filter(({ sample }) => sample)
      .map(({ slot }) => ({ slot, tokens: Array(plan.numSteps).fill(50), isDone })),
  };
}

/** Schedules one step that has to be there. */
export function next(scheduler: Scheduler, maxSteps = 1): Step {
  const step = scheduler.schedule(maxSteps);
  if (!step) throw new Error('nothing was scheduled');
  return step;
}
