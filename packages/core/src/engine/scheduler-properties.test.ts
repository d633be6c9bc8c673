// Whatever arrives, leaves and runs short, in whatever order results come: what the harness checks after every act holds,
// every sequence ends once, and its ids are those it gets alone. A failure prints the traffic, as small as it still fails.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { invariant } from '../errors.js';
import { sometimes } from '../testing/arbitraries.js';
import { fakeProposer } from '../testing/fake-proposer.js';
import { answerOf } from '../testing/fake-runner.js';
import { SchedulerHarness, type TrafficItem } from '../testing/scheduler-harness.js';

/** Schedules that are tried. */
const NUM_RUNS = 10_000;
/** Submissions under way at most. */
const MAX_IN_FLIGHT = 3;
/** Submissions after which a schedule counts as endless; the longest take several hundred. */
const MANY = 2000;

const SESSION_LEN = 28;

const arrival = fc.record({
  /** Ticks since the arrival before. */
  after: fc.nat({ max: 5 }),
  /** The start of the prompt: that of an earlier prompt and its answer, or a text that all share. */
  follows: sometimes(fc.nat({ max: 5 })),
  numShared: fc.nat({ max: 14 }),
  own: fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 4 }),
  maxNewTokens: fc.integer({ min: 1, max: 18 }),
  priority: fc.constantFrom(0, 0, 0, 1, 5, -3),
  stopAt: sometimes(fc.nat({ max: 12 })),
  /** Ticks since its arrival. */
  cancelAfter: sometimes(fc.nat({ max: 30 })),
  decodeFrom: sometimes(sometimes(fc.nat({ max: 16 }))),
});

const limits = fc.record({
  maxBatchSize: fc.integer({ min: 1, max: 4 }),
  numBlocks: fc.integer({ min: 2, max: 10 }),
  blockSize: fc.integer({ min: 1, max: 4 }),
  maxPrefillTokenNum: fc.integer({ min: 1, max: 12 }),
  maxStepsPerSubmit: fc.integer({ min: 1, max: 5 }),
  maxVerifyRows: fc.constantFrom(2, 4, 8),
});

/** Share of the pool that is there at first, and whether the device has the rest. */
const growth = fc.record({ share: fc.constantFrom(0, 0.3, 1), hasRoom: fc.constantFrom(true, true, false) });

/** In half of the schedules nobody speculates; in others proposals are hardly ever, often or always wrong. */
const speculation = fc.option(
  fc.record({
    errors: fc.constantFrom(0, 1, 4, 8),
    numSpeculativeTokens: fc.integer({ min: 1, max: 7 }),
  }),
  { freq: 2, nil: undefined },
);

const rotation = fc.constantFrom({}, {}, { maxSharedLen: 9 }, { maxSharedLen: 20, maxKeptLen: 20 });

/** In half of the schedules tokens see no further than this. */
const sight = fc.constantFrom<{ window?: number }>({}, {}, { window: 1 }, { window: 3 }, { window: 9 });

const options = fc.record({
  enablePrefixCaching: fc.constantFrom(true, true, false),
  maxOvertaken: fc.integer({ min: 1, max: 3 }),
});

/** What happens in a tick: submissions tried, steps in a row wanted, results that arrive. */
const ticks = fc.array(
  fc.record({ submits: fc.nat({ max: 3 }), steps: fc.integer({ min: 1, max: 5 }), results: fc.nat({ max: 3 }) }),
  { minLength: 1, maxLength: 8 },
);

type Arrival = typeof arrival extends fc.Arbitrary<infer T> ? T : never;

/** Items that fit a session and the pool. */
function itemsOf(arrivals: readonly Arrival[], longest: number): readonly TrafficItem[] {
  const items: TrafficItem[] = [];
  for (const { follows, numShared, own, decodeFrom, ...rest } of arrivals) {
    const earlier = follows === undefined ? undefined : items[follows]?.promptIds;
    const start = earlier
      ? [...earlier, ...answerOf(earlier, numShared)]
      : Array.from({ length: numShared }, (_, i) => i % 3);
    const promptIds = [...start, ...own].slice(0, longest - 1);
    items.push({ ...rest, promptIds, decodeFrom });
  }
  return items;
}

it(`holds for ${NUM_RUNS} schedules`, { timeout: 240_000 }, () => {
  const seen = {
    submissions: 0,
    preempted: 0,
    overtaken: 0,
    restarted: 0,
    cancelled: 0,
    longest: 0,
    accepted: 0,
    rejected: 0,
  };
  const schedule = fc.property(
    limits,
    growth,
    rotation,
    sight,
    options,
    speculation,
    fc.array(arrival, { minLength: 1, maxLength: 7 }),
    ticks,
    (given, { share, hasRoom }, rotating, seeing, chosen, speculates, arrivals, pattern) => {
      const firstBlocks = Math.max(2, Math.round(share * given.numBlocks));
      const all = { ...given, firstBlocks, ...rotating, ...seeing, sessionLen: SESSION_LEN };
      const speculating = speculates && { ...speculates, proposer: fakeProposer(speculates.errors, seeing.window) };
      const harness = new SchedulerHarness(all, chosen, speculating);
      const items = itemsOf(arrivals, Math.min(SESSION_LEN, given.numBlocks * given.blockSize));
      const times: number[] = [];
      for (const { after } of arrivals) times.push((times.at(-1) ?? 0) + after);
      for (let tick = 0; !harness.isIdle || tick <= (times.at(-1) ?? 0); tick++) {
        for (const [i, item] of items.entries()) {
          if (times[i] === tick) harness.add(item);
          if ((times[i] ?? 0) + (arrivals[i]?.cancelAfter ?? Number.NaN) === tick) harness.cancel(i);
        }
        const { submits = 1, steps = 1, results = 1 } = pattern[tick % pattern.length] ?? {};
        let numSubmitted = 0;
        while (numSubmitted < submits && harness.numInFlight < MAX_IN_FLIGHT) {
          if (!harness.submit(Math.min(steps, given.maxStepsPerSubmit))) break;
          numSubmitted++;
        }
        // The loop never rests with work to do.
        if (harness.numInFlight === 0 && !harness.isIdle) {
          while (!harness.submit(1) && !harness.isIdle) invariant(harness.grow(hasRoom), 'a request is forgotten');
        }
        harness.deliver(numSubmitted === 0 ? Math.max(results, 1) : results);
        invariant(harness.numSubmitted < MANY, 'a schedule has an end');
      }
      harness.deliver(MAX_IN_FLIGHT);
      harness.checkRest();
      seen.submissions += harness.numSubmitted;
      seen.longest = Math.max(seen.longest, harness.numSubmitted);
      for (const { sequence, numPreempted, numOvertaken, numBegins, end } of harness.tracked) {
        const { numProposed = 0, numAccepted = 0 } = sequence.speculation ?? {};
        seen.accepted += numAccepted;
        seen.rejected += numProposed - numAccepted;
        seen.preempted += numPreempted;
        seen.overtaken += numOvertaken;
        seen.restarted += numBegins - 1 - numPreempted > 0 ? 1 : 0;
        seen.cancelled += end === 'cancelled' ? 1 : 0;
      }
    },
  );
  fc.assert(schedule, { numRuns: NUM_RUNS });
  // The traffic is as dense as it should be: all that is checked has happened.
  expect(seen.preempted).toBeGreaterThan(NUM_RUNS / 50);
  expect(seen.overtaken).toBeGreaterThan(NUM_RUNS / 10);
  expect(seen.restarted).toBeGreaterThan(NUM_RUNS / 50);
  expect(seen.accepted).toBeGreaterThan(NUM_RUNS / 4);
  expect(seen.rejected).toBeGreaterThan(NUM_RUNS / 4);
  expect(seen.cancelled).toBeGreaterThan(NUM_RUNS / 10);
});
