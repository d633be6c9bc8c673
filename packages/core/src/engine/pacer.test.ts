// Submissions of decode steps settle at about 16 ms.
import { expect, it } from 'vitest';
import type { StepPlan } from '../runner/runner.js';
import { StepPacer } from './pacer.js';

function plan(numSteps: number, tokens: readonly number[] = []): StepPlan {
  const share = {
    slot: 0,
    startPosition: 0,
    images: [],
    firstBlock: 0,
    newBlocks: [],
    numProposed: 0,
    sample: true,
    wantsLogits: false,
  };
  return { sequences: [{ ...share, tokens }], numSteps };
}

it.each([
  [0.5, 8],
  [2, 8],
  [4, 4],
  [9, 1],
  [50, 1],
])('a step of %d ms is run %d times in a row', (stepMs, numSteps) => {
  const pacer = new StepPacer(8);
  expect(pacer.numSteps).toBe(1);
  let now = 0;
  for (let i = 0; i < 30; i++) {
    const submitted = plan(pacer.numSteps);
    const doneAt = now + stepMs * submitted.numSteps;
    // Submitted while the one before ran: that time is not counted.
    pacer.observe(submitted, now - 5, doneAt);
    now = doneAt;
  }
  expect(pacer.numSteps).toBe(numSteps);
});

it('prompts do not count', () => {
  const pacer = new StepPacer(8);
  pacer.observe(plan(1, [1, 2]), 0, 500);
  pacer.observe(plan(1), 10, 501);
  expect(pacer.numSteps).toBe(8);
});
