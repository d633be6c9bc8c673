// Whatever arrives, leaves and runs short: every request ends, with the model's own answer unless it was cancelled; no
// block is leaked or used twice (the toy model reads its answer back through the blocks); who comes first starts first.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sometimes } from '../testing/arbitraries.js';
import {
  collect,
  create,
  drain,
  expectAtRest,
  type Outcome,
  request,
  settle,
  tokenizer,
} from '../testing/engine-harness.js';
import { fakeProposer } from '../testing/fake-proposer.js';
import { answerOf, type FakeRunner } from '../testing/fake-runner.js';
import type { GenerateRequest } from './core.js';

interface Arrival {
  readonly at: number;
  readonly numPrompt: number;
  readonly maxNewTokens: number;
  readonly cancelAt: number | undefined;
  readonly stopAt: number | undefined;
}

const arrival: fc.Arbitrary<Arrival> = fc.record({
  at: fc.nat({ max: 15 }),
  numPrompt: fc.integer({ min: 1, max: 14 }),
  maxNewTokens: fc.integer({ min: 1, max: 30 }),
  cancelAt: sometimes(fc.nat({ max: 40 })),
  stopAt: sometimes(fc.nat({ max: 12 })),
});

/** Pools of 12 to 48 tokens, so that sequences of up to 44 have to make room for each other. */
const limits = fc.record({
  maxBatchSize: fc.integer({ min: 1, max: 5 }),
  numBlocks: fc.integer({ min: 6, max: 12 }),
  blockSize: fc.integer({ min: 2, max: 4 }),
  maxPrefillTokenNum: fc.integer({ min: 4, max: 20 }),
  maxStepsPerSubmit: fc.integer({ min: 1, max: 5 }),
});

/** Of 8 proposed tokens so many are wrong; undefined: nothing is proposed. */
const errors = sometimes(fc.constantFrom(0, 1, 4, 8));

/** Deliveries of the GPU: how many submissions at a time, and in which order their results arrive. */
const deliveries = fc.array(
  fc.tuple(fc.nat({ max: 3 }), fc.constantFrom<'in order' | 'reversed'>('in order', 'reversed')),
  { minLength: 1, maxLength: 8 },
);

/** What the answer to `ids` is when nothing interferes. */
function expected(
  ids: readonly number[],
  { maxNewTokens, stopAt }: Arrival,
  longest: number,
): { ids: number[]; text: string; more: Partial<GenerateRequest> } {
  const answer = answerOf(ids, Math.min(maxNewTokens, longest - ids.length));
  const text = tokenizer.decode(answer, { skipSpecialTokens: true });
  const stop = stopAt === undefined ? '' : text.slice(stopAt, stopAt + 3);
  if (stop === '') return { ids: answer, text, more: { maxNewTokens } };
  const end = text.indexOf(stop);
  const numTokens =
    answer.findIndex((_, i) => tokenizer.decode(answer.slice(0, i + 1), { skipSpecialTokens: true }).includes(stop)) +
    1;
  return { ids: answer.slice(0, numTokens), text: text.slice(0, end), more: { maxNewTokens, stopStrings: [stop] } };
}

/** Ids of prompts in the order in which they first took a slot; every prompt begins with its own id. */
function startOrder(runner: FakeRunner): number[] {
  return [...new Set(runner.begins.map(({ promptIds }) => promptIds[0] ?? -1))];
}

it('holds for any traffic', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      limits,
      fc.array(arrival, { minLength: 1, maxLength: 9 }),
      deliveries,
      errors,
      async (given, arrivals, pattern, numWrong) => {
        const speculation = numWrong !== undefined && { proposer: fakeProposer(numWrong), numSpeculativeTokens: 4 };
        const { engine, runner } = create({ ...given, sessionLen: 48 }, speculation ? { speculation } : {});
        const longest = Math.min(48, given.numBlocks * given.blockSize);
        const inOrder = arrivals.toSorted((a, b) => a.at - b.at);
        const outcomes: Promise<Outcome>[] = [];
        const controllers = inOrder.map(() => new AbortController());
        const prompts = inOrder.map(({ numPrompt }, i) =>
          [i, ...Array.from({ length: Math.min(numPrompt, longest - 1) - 1 }, (_, j) => (i * 11 + j) % 97)].slice(
            0,
            numPrompt,
          ),
        );
        for (let tick = 0; tick <= 40; tick++) {
          for (const [i, each] of inOrder.entries()) {
            const prompt = prompts[i] ?? [];
            if (each.at === tick)
              outcomes.push(
                collect(engine.generate(request(prompt, expected(prompt, each, longest).more), controllers[i]?.signal)),
              );
            if (each.cancelAt === tick) controllers[i]?.abort();
          }
          await settle();
          const [count, order] = pattern[tick % pattern.length] ?? [1, 'in order'];
          runner.deliver(count, order);
          expect(runner.numPending).toBeLessThanOrEqual(3);
        }
        await drain(runner);
        for (const [i, each] of inOrder.entries()) {
          const outcome = await outcomes[i];
          const { ids, text } = expected(prompts[i] ?? [], each, longest);
          if (outcome?.code !== undefined)
            expect([outcome.code, each.cancelAt]).toEqual(['aborted', expect.any(Number)]);
          else expect(outcome).toMatchObject({ ids, text });
        }
        expect(startOrder(runner)).toEqual(startOrder(runner).toSorted((a, b) => a - b));
        await expectAtRest(engine, runner);
      },
    ),
    { numRuns: 150 },
  );
});
