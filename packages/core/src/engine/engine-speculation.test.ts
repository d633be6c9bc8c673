// An engine that speculates says what it says without, in fewer steps: alone and in company, whatever ends the answer.
import { describe, expect, it } from 'vitest';
import { collect, create, drain, expectAtRest, request, settle, tokenizer } from '../testing/engine-harness.js';
import { fakeProposer } from '../testing/fake-proposer.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import { ngramProposer } from './proposer.js';

const PROMPT = [5, 6, 7, 8, 9];
const RIGHT = { speculation: { proposer: fakeProposer(0), numSpeculativeTokens: 4 } };
const WRONG = { speculation: { proposer: fakeProposer(8), numSpeculativeTokens: 4 } };

function numProposed({ plans }: FakeRunner): number[] {
  return plans.flatMap(({ sequences }) => sequences.map((share) => share.numProposed));
}

describe('an engine that speculates', () => {
  it('takes one step for five tokens where all proposals are right', async () => {
    const { engine, runner } = create({}, RIGHT);
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 31 })));
    await drain(runner);
    const { ids, end } = await outcome;
    expect(ids).toEqual(answerOf(PROMPT, 31));
    // The prompt's step, two that were under way before anything was known, and then five tokens a step.
    expect(runner.plans).toHaveLength(3 + 5 + 1);
    expect(numProposed(runner)).toEqual([0, 0, 0, 4, 4, 4, 4, 4, 2]);
    expect(end).toMatchObject({ stats: { numProposed: 22, numAccepted: 22 } });
    expect(await engine.stats()).toMatchObject({ numProposed: 22, numAccepted: 22 });
    await expectAtRest(engine, runner);
  });

  it('hardly proposes where no proposal is right, and then goes on in the usual way', async () => {
    const plain = create();
    const { engine, runner } = create({}, WRONG);
    const outcomes = [plain.engine, engine].map((each) =>
      collect(each.generate(request(PROMPT, { maxNewTokens: 59 }))),
    );
    await drain(plain.runner);
    await drain(runner);
    for (const outcome of outcomes) expect((await outcome).ids).toEqual(answerOf(PROMPT, 59));
    expect(numProposed(runner).filter((count) => count > 0).length).toBeLessThanOrEqual(6);
    expect(await engine.stats()).toMatchObject({ numAccepted: 0 });
    expect(plain.runner.plans.every(({ sequences }) => sequences.every((share) => share.numProposed === 0))).toBe(true);
  });

  it('sends the last id after proposals, since the GPU does not know which it is', async () => {
    // What is in flight when eight ids are known is foretold; behind it stands a wrong one, and then nothing.
    const propose = (ids: readonly number[], max: number): readonly number[] => {
      if (ids.length === 10) return [96];
      return ids.length === 8 || ids.length === 9 ? answerOf(ids, max) : [];
    };
    const speculation = { proposer: { propose }, numSpeculativeTokens: 1 };
    const { engine, runner } = create({ maxStepsPerSubmit: 1 }, { speculation });
    const outcome = collect(engine.generate(request(PROMPT, { maxNewTokens: 12 })));
    await drain(runner);
    expect((await outcome).ids).toEqual(answerOf(PROMPT, 12));
    const sent = runner.plans.map(({ sequences }) => sequences[0]?.tokens.length);
    expect(sent).toEqual([5, 0, 0, 0, 0, 2, 1, ...Array(5).fill(0)]);
  });

  it('ends where it would: at a stop id, a stop string, the length', async () => {
    const answer = answerOf(PROMPT, 40);
    const text = tokenizer.decode(answer.slice(0, 20), { skipSpecialTokens: true });
    const stop = answer[13] as number;
    for (const more of [
      { stopTokenIds: [stop] },
      { stopTokenIds: [stop], minNewTokens: 20, maxNewTokens: 22 },
      { stopStrings: [text.slice(-3)] },
      { maxNewTokens: 1 },
      { maxNewTokens: 17 },
    ]) {
      const made = [create(), create({}, RIGHT), create({}, WRONG)];
      const wanted = { maxNewTokens: 40, ...more };
      const outcomes = made.map(({ engine }) => collect(engine.generate(request(PROMPT, wanted))));
      for (const { runner } of made) await drain(runner);
      const [plain, ...others] = await Promise.all(outcomes);
      for (const [i, other] of others.entries()) {
        expect([other.ids, other.text]).toEqual([plain?.ids, plain?.text]);
        expect(other.end).toMatchObject({ finishReason: plain?.end?.type === 'end' && plain.end.finishReason });
        const { engine, runner } = made[i + 1] as (typeof made)[number];
        await expectAtRest(engine, runner);
      }
    }
  });

  it('goes on with others in one step, proposals or not, and with penalties does not speculate', async () => {
    const { engine, runner } = create({}, RIGHT);
    const outcomes = [{}, { frequencyPenalty: 0.1 }].map((sampling, i) =>
      collect(engine.generate(request([i, ...PROMPT], { sampling, maxNewTokens: 20 }))),
    );
    await drain(runner);
    for (const [i, outcome] of outcomes.entries()) expect((await outcome).ids).toEqual(answerOf([i, ...PROMPT], 20));
    const joint = runner.plans.filter(({ sequences }) => sequences.some((share) => share.numProposed > 0));
    expect(joint.length).toBeGreaterThan(0);
    for (const { sequences, numSteps } of joint) {
      expect([numSteps, sequences.map((share) => share.numProposed > 0)]).toEqual([1, [true, false]]);
    }
  });

  it('leaves it while there are more sequences than a step verifies rows', async () => {
    const { engine, runner } = create({ maxVerifyRows: 2 }, RIGHT);
    const outcomes = [1, 2, 3].map((id) => collect(engine.generate(request([id, ...PROMPT]))));
    await drain(runner);
    for (const [i, outcome] of outcomes.entries())
      expect((await outcome).ids).toEqual(answerOf([i + 1, ...PROMPT], 10));
    expect(numProposed(runner).every((count) => count === 0)).toBe(true);
  });

  it('never lets others find what a wrong proposal computed', async () => {
    const { engine, runner } = create(
      { blockSize: 2 },
      { speculation: { proposer: fakeProposer(4), numSpeculativeTokens: 7 } },
    );
    const first = collect(engine.generate(request(PROMPT, { maxNewTokens: 30 })));
    for (let i = 0; i < 12; i++) {
      await settle();
      runner.deliver();
    }
    const known = answerOf(PROMPT, 12);
    const second = collect(engine.generate(request([...PROMPT, ...known, 3], { maxNewTokens: 8 })));
    await drain(runner);
    expect((await first).ids).toEqual(answerOf(PROMPT, 30));
    const { ids, end } = await second;
    expect(ids).toEqual(answerOf([...PROMPT, ...known, 3], 8));
    expect(end?.type === 'end' && end.usage.cachedTokens).toBeGreaterThanOrEqual(12);
    await expectAtRest(engine, runner);
  });

  it('copies a text that repeats itself', async () => {
    // A model of two tokens soon repeats what it said.
    const { engine, runner } = create(
      { vocabSize: 2, sessionLen: 200 },
      { speculation: { proposer: ngramProposer(3), numSpeculativeTokens: 4 } },
    );
    const outcome = collect(engine.generate(request([0, 1, 1], { maxNewTokens: 150 })));
    await drain(runner);
    expect((await outcome).ids).toEqual(answerOf([0, 1, 1], 150, 2));
    const { numAccepted, numProposed: numTried } = await engine.stats();
    expect(numAccepted).toBeGreaterThan(0);
    expect(numTried).toBeGreaterThan(numAccepted);
  });
});
