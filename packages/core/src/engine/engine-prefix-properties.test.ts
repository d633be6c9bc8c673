// Whatever traffic shares prefixes, in pools that are too small for it: every answer is the one that the toy model gives
// without any cache, and in the end no block is lost or still used.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sometimes } from '../testing/arbitraries.js';
import { collect, create, drain, expectAtRest, type Outcome, request, settle } from '../testing/engine-harness.js';
import { answerOf } from '../testing/fake-runner.js';

const SESSION_LEN = 48;

interface Arrival {
  readonly at: number;
  /** Where the prompt begins: with a text that all share, or with an earlier prompt and its answer. */
  readonly follows: number | undefined;
  readonly numShared: number;
  readonly own: readonly number[];
  readonly maxNewTokens: number;
  readonly cancelAt: number | undefined;
  /** The token of the answer that is a stop id. */
  readonly stopAt: number | undefined;
}

const arrival: fc.Arbitrary<Arrival> = fc.record({
  at: fc.nat({ max: 20 }),
  follows: sometimes(fc.nat({ max: 8 })),
  numShared: fc.nat({ max: 20 }),
  own: fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 6 }),
  maxNewTokens: fc.integer({ min: 1, max: 30 }),
  cancelAt: sometimes(fc.nat({ max: 80 })),
  stopAt: sometimes(fc.nat({ max: 30 })),
});

const limits = fc.record({
  maxBatchSize: fc.integer({ min: 1, max: 5 }),
  numBlocks: fc.integer({ min: 6, max: 16 }),
  blockSize: fc.integer({ min: 2, max: 5 }),
  maxPrefillTokenNum: fc.integer({ min: 5, max: 20 }),
  maxStepsPerSubmit: fc.integer({ min: 1, max: 5 }),
  rotation: fc.constantFrom(
    {},
    { maxSharedLen: 12 },
    // Beginning anew for every token takes long: only the last few do.
    { maxSharedLen: 36, maxKeptLen: 36 },
  ),
});

/** Submissions that the GPU completes in a tick. */
const deliveries = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 8 });

/** Prompts in order of arrival, each short enough for a session and the pool. */
function promptsOf(arrivals: readonly Arrival[], longest: number): number[][] {
  const prompts: number[][] = [];
  for (const { follows, numShared, own } of arrivals) {
    const earlier = follows === undefined ? undefined : prompts[follows];
    const start = earlier
      ? [...earlier, ...answerOf(earlier, numShared)]
      : Array.from({ length: numShared }, (_, i) => i % 3);
    prompts.push([...start, ...own].slice(0, longest - 1));
  }
  return prompts;
}

it('answers as without a cache, and finds what it has', { timeout: 60_000 }, async () => {
  let [numFound, numPreempted] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      limits,
      fc.array(arrival, { minLength: 2, maxLength: 10 }),
      deliveries,
      async (given, arrivals, pattern) => {
        const { engine, runner } = create({ ...given, ...given.rotation, sessionLen: SESSION_LEN });
        const longest = Math.min(SESSION_LEN, given.numBlocks * given.blockSize);
        const inOrder = arrivals.toSorted((a, b) => a.at - b.at);
        const prompts = promptsOf(inOrder, longest);
        const jobs = inOrder.map((each, i) => {
          const ids = prompts[i] ?? [];
          const answer = answerOf(ids, Math.min(each.maxNewTokens, longest - ids.length));
          const stop = each.stopAt === undefined ? undefined : answer[each.stopAt];
          const end = stop === undefined ? answer.length : answer.indexOf(stop) + 1;
          const more = { maxNewTokens: each.maxNewTokens, stopTokenIds: stop === undefined ? [] : [stop] };
          return {
            ...each,
            given: request(ids, more),
            wanted: answer.slice(0, end),
            controller: new AbortController(),
          };
        });
        const outcomes: Promise<Outcome>[] = [];
        for (let tick = 0; tick <= 40; tick++) {
          for (const { at, cancelAt, given: job, controller } of jobs) {
            if (at === tick) outcomes.push(collect(engine.generate(job, controller.signal)));
            if (cancelAt === tick) controller.abort();
          }
          await settle();
          runner.deliver(pattern[tick % pattern.length]);
        }
        await drain(runner);
        for (const [i, { wanted, cancelAt }] of jobs.entries()) {
          const { ids, code } = (await outcomes[i]) as Outcome;
          if (code !== undefined) expect([code, cancelAt]).toEqual(['aborted', expect.any(Number)]);
          else expect(ids).toEqual(wanted);
        }
        await expectAtRest(engine, runner);
        const stats = await engine.stats();
        expect(stats.numTokensFound).toBeLessThanOrEqual(stats.numTokensLookedUp);
        numFound += stats.numTokensFound;
        numPreempted += runner.begins.filter(({ generatedIds }) => generatedIds.length > 0).length;
      },
    ),
    { numRuns: 150 },
  );
  expect(numFound).toBeGreaterThan(1000);
  expect(numPreempted).toBeGreaterThan(30);
});
