// Drives a scheduler with a toy model in place of the GPU, and checks after every act what must always hold. The GPU's queue
// runs in order, so a step is computed when it is submitted; only its results come later. What traffic there is, a test says.
import { expect } from 'vitest';
import { type Request, resolveGeneration, resolveLogits } from '../engine/request.js';
import { Scheduler, type SchedulerOptions, type Step } from '../engine/scheduler.js';
import { Sequence } from '../engine/sequence.js';
import { Speculation, type SpeculationConfig } from '../engine/speculation.js';
import { invariant } from '../errors.js';
import type { RunnerLimits, ScheduledSequence, SequenceResult, StepResult } from '../runner/runner.js';
import { GREEDY } from '../sampling/params.js';
import { answerOf, FakeRunner, nextToken } from './fake-runner.js';

/** What is wanted of one sequence. */
export interface TrafficItem {
  readonly promptIds: readonly number[];
  readonly maxNewTokens: number;
  readonly priority: number;
  /** The token of the answer that is a stop id, if any. */
  readonly stopAt: number | undefined;
  /** Ids are given and logits wanted: positions from here on are computed one at a time. */
  readonly decodeFrom: number | undefined;
}

/** A sequence under way, and what the harness knows of it beside the scheduler. */
export class Tracked {
  readonly sequence: Sequence;
  readonly arrival: number;
  /** Prompt and answer, when it runs alone. */
  readonly all: readonly number[];
  /** Ids that have arrived; of given ids, the positions whose logits have. */
  readonly received: number[] = [];
  /** How it ended. */
  end: 'done' | 'cancelled' | undefined;
  /** Later arrivals that were given a slot while it waited. */
  numOvertaken = 0;
  numPreempted = 0;
  numBegins = 0;

  constructor(request: Request, arrival: number, window: number, speculation: SpeculationConfig | undefined) {
    this.sequence = new Sequence(request, speculation && new Speculation(speculation));
    this.arrival = arrival;
    const { promptIds, maxLength, stopIds, decodeFrom } = request;
    const answer = decodeFrom === undefined ? answerOf(promptIds, maxLength - promptIds.length, undefined, window) : [];
    const stop = answer.findIndex((id) => stopIds.has(id));
    this.all = [...promptIds, ...(stop === -1 ? answer : answer.slice(0, stop + 1))];
  }

  get priority(): number {
    return this.sequence.request.priority;
  }
}

export class SchedulerHarness {
  readonly tracked: Tracked[] = [];
  numSubmitted = 0;
  readonly #scheduler: Scheduler;
  readonly #runner: FakeRunner;
  readonly #maxOvertaken: number;
  readonly #speculation: SpeculationConfig | undefined;
  readonly #inFlight: { readonly step: Step; readonly result: StepResult }[] = [];

  constructor(
    limits: Partial<RunnerLimits>,
    options: Omit<SchedulerOptions, 'maxQueueLen'> & { maxOvertaken: number },
    speculation?: SpeculationConfig,
  ) {
    this.#runner = new FakeRunner(limits);
    this.#scheduler = new Scheduler(this.#runner.limits, { maxQueueLen: 100, ...options });
    this.#maxOvertaken = options.maxOvertaken;
    this.#speculation = speculation;
  }

  get numInFlight(): number {
    return this.#inFlight.length;
  }

  get isIdle(): boolean {
    return this.tracked.every(({ end }) => end !== undefined);
  }

  /** A request arrives; whoever fits is never refused. Its prompt is cut to what can ever fit. */
  add({ promptIds: wanted, maxNewTokens, priority, stopAt, decodeFrom }: TrafficItem): void {
    const limits = { ...this.#runner.limits, numBlocks: this.#scheduler.maxPoolSize };
    const promptIds = wanted.slice(0, limits.numBlocks * limits.blockSize - 1);
    const stop = stopAt === undefined ? undefined : answerOf(promptIds, stopAt + 1, undefined, limits.window)[stopAt];
    const prompt = { ids: promptIds, images: [] };
    const given = { prompt: { kind: 'tokens', ids: promptIds }, sampling: {}, maxNewTokens, priority } as const;
    const defaults = { sampling: GREEDY, eosTokenIds: stop === undefined ? [] : [stop] };
    const [request] =
      decodeFrom === undefined
        ? resolveGeneration(given, prompt, { limits, defaults, randomSeed: 0, words: undefined })
        : [resolveLogits(prompt, decodeFrom, limits)];
    invariant(request, 'a generation has an answer');
    const speculation = decodeFrom === undefined ? this.#speculation : undefined;
    const tracked = new Tracked(request, this.tracked.length, limits.window, speculation);
    this.tracked.push(tracked);
    this.#scheduler.add(tracked.sequence);
  }

  cancel(index: number): void {
    const tracked = this.tracked[index];
    if (!tracked || tracked.end) return;
    tracked.end = 'cancelled';
    this.#scheduler.finish(tracked.sequence);
    this.#scheduler.checkIntegrity();
  }

  /** The pool grows as it should, or has to stay as it is; false when it is large enough. */
  grow(hasRoom: boolean): boolean {
    const { poolSize, wantedPoolSize } = this.#scheduler;
    if (wantedPoolSize === poolSize) return false;
    invariant(wantedPoolSize <= this.#runner.limits.numBlocks, 'the pool is to have no more than it may');
    if (hasRoom) this.#scheduler.growPool(wantedPoolSize);
    else
      for (const lost of this.#scheduler.capPool())
        this.cancel(this.tracked.findIndex((each) => each.sequence === lost));
    this.#scheduler.checkIntegrity();
    return true;
  }

  /** Schedules and computes a step; false when there is nothing to do until results arrive. */
  submit(maxSteps: number): boolean {
    const live = this.tracked.filter(({ end }) => end === undefined);
    const wasRunning = new Set(live.filter(({ sequence }) => sequence.status === 'running'));
    const urgencies = new Map(live.map((each) => [each, each.sequence.urgency]));
    const step = this.#scheduler.schedule(maxSteps);
    this.#scheduler.checkIntegrity();
    const begun = (step?.begins ?? []).map(({ slot }) => this.#inSlot(slot));
    this.#checkPreemptions(live, wasRunning, begun);
    if (!step) return false;
    this.#checkAdmissions(live, wasRunning, begun, urgencies);
    this.numSubmitted += 1;
    for (const begin of step.begins) this.#runner.begin(begin);
    const result = this.#runner.run(step.plan);
    this.#checkContents();
    this.#inFlight.push({ step, result });
    return true;
  }

  /** Results of the oldest steps arrive. */
  deliver(count: number): void {
    for (const { step, result } of this.#inFlight.splice(0, count)) {
      for (const { sequence, share, result: brought } of this.#scheduler.update(step, result)) {
        const tracked = this.tracked.find((each) => each.sequence === sequence);
        invariant(tracked && tracked.end === undefined, 'results are for sequences that have not ended');
        if (sequence.isForced) this.#checkLogits(tracked, share, brought);
        else tracked.received.push(...brought.tokens);
        const { promptIds } = sequence.request;
        const numComputed = share.startPosition + share.tokens.length;
        if (!(sequence.isForced ? numComputed === promptIds.length : brought.isDone)) continue;
        const wanted = sequence.isForced ? promptIds.map((_, i) => i) : tracked.all.slice(promptIds.length);
        invariant(String(tracked.received) === String(wanted), `it got ${tracked.received} in place of ${wanted}`);
        tracked.end = 'done';
        this.#scheduler.finish(sequence);
      }
      this.#scheduler.checkIntegrity();
    }
  }

  /** Nothing is left behind. */
  checkRest(): void {
    const { numRunning, numWaiting, numFreeBlocks, numCachedBlocks, poolSize } = this.#scheduler;
    expect([numRunning, numWaiting, numFreeBlocks + numCachedBlocks]).toEqual([0, 0, poolSize]);
  }

  #inSlot(slot: number): Tracked {
    const found = this.tracked.find(({ sequence }) => sequence.slot === slot);
    invariant(found, 'a slot that was prepared is held');
    return found;
  }

  /** Whoever had to make room is less urgent than all that run on. */
  #checkPreemptions(live: Tracked[], wasRunning: ReadonlySet<Tracked>, begun: readonly Tracked[]): void {
    const { maxKeptLen } = this.#runner.limits;
    for (const victim of live) {
      const isOut = victim.sequence.status === 'waiting' && wasRunning.has(victim);
      // What recomputes leaves of its own accord.
      if (!isOut || victim.sequence.numTokens > maxKeptLen) continue;
      victim.numPreempted += 1;
      invariant(begun.length === 0, 'nobody is let in while others make room');
      for (const { sequence, arrival } of live.filter((each) => each.sequence.status === 'running')) {
        const [others, its] = [sequence.urgency, Math.min(victim.priority, victim.sequence.urgency)];
        invariant(others > its || (others === its && arrival < victim.arrival), 'the least urgent make room');
      }
    }
  }

  /** Whoever takes a slot is the most urgent that waits, and nobody is overtaken too often. */
  #checkAdmissions(
    live: readonly Tracked[],
    wasRunning: ReadonlySet<Tracked>,
    begun: readonly Tracked[],
    urgencies: ReadonlyMap<Tracked, number>,
  ): void {
    const waiting = new Set(live.filter((each) => !wasRunning.has(each) || each.sequence.status === 'waiting'));
    for (const each of begun) waiting.add(each);
    for (const next of begun) {
      waiting.delete(next);
      next.numBegins += 1;
      const hasAged = next.numOvertaken + next.numPreempted >= this.#maxOvertaken;
      const urgency = hasAged ? Number.POSITIVE_INFINITY : (urgencies.get(next) ?? 0);
      for (const other of waiting) {
        const others = urgencies.get(other) ?? 0;
        const isFirst = urgency > others || (urgency === others && next.arrival < other.arrival);
        invariant(isFirst, `request ${next.arrival} is let in before ${other.arrival}`);
        const isFair = next.numBegins > 1 || next.priority !== other.priority || next.arrival < other.arrival;
        invariant(isFair || other.numBegins > 0, 'of equal priority, who came first starts first');
        if (other.arrival < next.arrival) other.numOvertaken += 1;
        invariant(other.numOvertaken <= this.#maxOvertaken, `request ${other.arrival} is overtaken too often`);
      }
    }
  }

  #checkLogits(
    { all, received }: Tracked,
    { startPosition, tokens }: ScheduledSequence,
    { logits }: SequenceResult,
  ): void {
    const { vocabSize, window } = this.#runner.limits;
    for (let position = startPosition; position < startPosition + tokens.length; position++) {
      const row = (position - startPosition) * vocabSize;
      invariant(
        logits?.[row + nextToken(all.slice(0, position + 1), vocabSize, window)] === 1,
        `the logits of ${position} are others`,
      );
      received.push(position);
    }
  }

  /** Every running sequence finds the tokens that it sees in its blocks, those that it shares included. */
  #checkContents(): void {
    for (const { sequence, all } of this.tracked) {
      if (sequence.slot === undefined) continue;
      for (const [position, id] of this.#runner.contents(sequence.slot)) {
        invariant(id === all[position], `position ${position} holds ${id} in place of ${all[position]}`);
      }
    }
  }
}
