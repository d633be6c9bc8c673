// When a sequence proposes, and when it leaves it for a while.
import { describe, expect, it } from 'vitest';
import { GREEDY } from '../sampling/params.js';
import { canSpeculate, Speculation } from './speculation.js';

const counting = {
  propose: (ids: readonly number[], max: number) => Array.from({ length: max }, (_, i) => ids.length + i),
};

/** A sequence whose ids arrive one by one; gives the lengths at which something was proposed. */
function run(idAt: (length: number) => number, numTokens: number): number[] {
  const speculation = new Speculation({ proposer: counting, numSpeculativeTokens: 2 });
  const ids: number[] = [];
  const proposedAt: number[] = [];
  while (ids.length < numTokens) {
    ids.push(idAt(ids.length));
    speculation.observe(ids, 1, 0, 0);
    if (speculation.proposal.length > 0) proposedAt.push(ids.length);
  }
  return proposedAt;
}

describe('a sequence that speculates', () => {
  it('proposes all the time while it is right', () => {
    expect(run((length) => length, 6)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('pauses longer and longer while it is wrong, up to 31 tokens', () => {
    const at = run(() => 999, 150);
    expect(at.slice(1).map((length, i) => length - (at[i] ?? 0))).toEqual([1, 2, 4, 8, 16, 32, 32, 32]);
  });

  it('forgets that it was wrong when it is right', () => {
    const at = run((length) => (length === 8 ? 8 : 999), 24);
    expect(at).toEqual([1, 2, 4, 8, 9, 10, 12, 16, 24]);
  });

  it('proposes what follows those in flight, or nothing', () => {
    const speculation = new Speculation({
      proposer: { propose: (_, max) => Array(Math.min(max, 3)).fill(5) },
      numSpeculativeTokens: 2,
    });
    speculation.observe([1], 1, 0, 2);
    expect(speculation.proposal).toEqual([5, 5, 5]);
    speculation.observe([1, 5], 1, 0, 3);
    expect(speculation.proposal).toEqual([]);
  });

  it('counts what steps verified and what that saved', () => {
    const speculation = new Speculation({ proposer: counting, numSpeculativeTokens: 4 });
    speculation.observe([0, 1, 2], 3, 4, 0);
    speculation.observe([0, 1, 2, 3], 1, 1, 0);
    speculation.observe([0, 1, 2, 3, 4], 1, 0, 0);
    expect([speculation.numProposed, speculation.numAccepted]).toEqual([5, 2]);
  });
});

describe('tokens may be drawn ahead', () => {
  it.each([
    [{}, true],
    [{ temperature: 1, topK: 5, topP: 0.9, minP: 0.1, seed: 4 }, true],
    [{ bannedIds: [3], logitBias: new Map([[4, 1]]) }, true],
    [{ repetitionPenalty: 1.1 }, false],
    [{ presencePenalty: 0.1 }, false],
    [{ frequencyPenalty: -0.1 }, false],
    [{ numTopLogprobs: 0 }, false],
  ])('with %j: %j', (sampling, wanted) => {
    expect(canSpeculate({ ...GREEDY, ...sampling })).toBe(wanted);
  });
});
