// Decides what the next submission computes. There is no prefill or decode phase: every sequence has tokens and computed
// tokens, and a step lets the computed ones catch up. Who comes first is said in urgency.ts. No runner, no text, no time
// in here.
import { invariant, PagemindError } from '../errors.js';
import type {
  BeginSequence,
  RunnerLimits,
  ScheduledSequence,
  SequenceResult,
  StepPlan,
  StepResult,
} from '../runner/runner.js';
import { BlockManager } from './block-manager.js';
import type { EngineStats } from './core.js';
import { Draft } from './draft.js';
import type { Sequence } from './sequence.js';
import { byUrgency, insert, MAX_OVERTAKEN, remove } from './urgency.js';

/** One submission: slots to prepare, then a plan to execute. */
export interface Step {
  readonly begins: readonly BeginSequence[];
  readonly plan: StepPlan;
  /** Whose share each entry of `plan.sequences` is. */
  readonly sequences: readonly Sequence[];
}

/** What a step brought a sequence that is still alive. */
export interface Arrival {
  readonly sequence: Sequence;
  readonly share: ScheduledSequence;
  readonly result: SequenceResult;
}

/** What may be chosen beside the runner's limits. */
export interface SchedulerOptions {
  readonly maxQueueLen: number;
  readonly enablePrefixCaching: boolean;
  /** Default {@link MAX_OVERTAKEN}. */
  readonly maxOvertaken?: number;
}

/** What {@link EngineStats} says under these names. */
export type SchedulerCounters = Pick<
  EngineStats,
  'numTokensLookedUp' | 'numTokensFound' | 'numPreemptions' | 'numProposed' | 'numAccepted'
>;

export class Scheduler {
  readonly #limits: RunnerLimits;
  readonly #options: Required<SchedulerOptions>;
  readonly #blocks: BlockManager;
  readonly #freeSlots: number[];
  /** Both in order of urgency. */
  readonly #running: Sequence[] = [];
  readonly #waiting: Sequence[] = [];
  #numArrivals = 0;
  readonly #counters = { numTokensLookedUp: 0, numTokensFound: 0, numPreemptions: 0, numProposed: 0, numAccepted: 0 };
  #maxPoolSize: number;
  /** Blocks that sequences lacked when the last step was made. */
  #numLacking = 0;

  constructor(limits: RunnerLimits, options: SchedulerOptions) {
    this.#limits = limits;
    this.#options = { maxOvertaken: MAX_OVERTAKEN, ...options };
    this.#blocks = new BlockManager(limits.firstBlocks, limits.blockSize);
    this.#maxPoolSize = limits.numBlocks;
    this.#freeSlots = Array.from({ length: limits.maxBatchSize }, (_, i) => limits.maxBatchSize - 1 - i);
  }

  get numRunning(): number {
    return this.#running.length;
  }

  get numWaiting(): number {
    return this.#waiting.length;
  }

  get numFreeBlocks(): number {
    return this.#blocks.numFree;
  }

  get numCachedBlocks(): number {
    return this.#blocks.numCached;
  }

  /** Since the start. */
  get counters(): SchedulerCounters {
    return { ...this.#counters };
  }

  /** Blocks of the pool. */
  get poolSize(): number {
    return this.#blocks.numBlocks;
  }

  /** Blocks that it may have. */
  get maxPoolSize(): number {
    return this.#maxPoolSize;
  }

  /** Blocks that it should have: more than now when free ones run short, in steps that double it. */
  get wantedPoolSize(): number {
    const { numBlocks, numFree } = this.#blocks;
    if (this.#numLacking === 0 && numFree >= numBlocks / 4) return numBlocks;
    return Math.min(Math.max(2 * numBlocks, numBlocks + this.#numLacking), this.#maxPoolSize);
  }

  growPool(numBlocks: number): void {
    this.#blocks.grow(numBlocks);
    // The next step will tell.
    this.#numLacking = 0;
  }

  /** The pool stays as it is; gives the sequences that may not fit in any more. */
  capPool(): readonly Sequence[] {
    this.#maxPoolSize = this.#blocks.numBlocks;
    const all = [...this.#running, ...this.#waiting];
    return all.filter(({ request }) => this.#blocks.blocksFor(request.maxLength - 1) > this.#maxPoolSize);
  }

  /**
   * Queues sequences, all or none.
   * @throws PagemindError `queue_full`.
   */
  add(...sequences: readonly Sequence[]): void {
    // Requests of one moment queue up before the next step takes them into free slots.
    if (this.#waiting.length + sequences.length > this.#options.maxQueueLen + this.#freeSlots.length) {
      throw new PagemindError('queue_full', `${this.#waiting.length} requests are waiting already.`, {
        hint: 'Try again when one has ended, or load the model with a larger maxQueueLen.',
      });
    }
    for (const sequence of sequences) {
      sequence.arrival = this.#numArrivals++;
      insert(this.#waiting, sequence);
    }
  }

  /**
   * The next submission, or undefined when there is nothing to do until results arrive.
   * @param maxSteps most decode steps in a row
   */
  schedule(maxSteps: number): Step | undefined {
    // Where several speculate, or some do, they go on together: a step alone would read the weights for one of them.
    if (this.#hasRoomToVerify && this.#running.some(({ isSettling }) => isSettling)) return undefined;
    const draft = new Draft(this.#limits.maxPrefillTokenNum);
    this.#numLacking = 0;
    for (const sequence of this.#running.filter(({ isOutgrown }) => isOutgrown)) this.#sendBack(sequence);
    const hasPreempted = this.#continueRunning(draft);
    const begins = hasPreempted ? [] : this.#admitWaiting(draft);
    const sequences = [...draft.counts.keys()];
    if (sequences.length === 0) return undefined;
    const verified = this.#reserveProposals(draft);
    const numSteps = verified.size > 0 ? 1 : this.#reserveSteps(sequences, maxSteps);
    const shares = Array.from(draft.counts, ([sequence, count]) =>
      sequence.advance(count, numSteps, verified.get(sequence)),
    );
    for (const sequence of sequences) {
      this.#publish(sequence);
      this.#leaveBehind(sequence);
    }
    return { begins, plan: { sequences: shares, numSteps }, sequences };
  }

  /** Books the results of a step; what they brought to sequences that have ended meanwhile is dropped. */
  update({ plan, sequences }: Step, { sequences: results }: StepResult): readonly Arrival[] {
    const arrivals: Arrival[] = [];
    const inOrder = results.values();
    for (const [i, share] of plan.sequences.entries()) {
      if (!share.sample && !share.wantsLogits) continue;
      const result = inOrder.next().value;
      const sequence = sequences[i];
      invariant(sequence && result?.slot === share.slot, `the result for slot ${share.slot} is missing`);
      if (sequence.status === 'finished') continue;
      if (share.sample) {
        const numTokens = result.tokens.length;
        const isWhole = result.isDone || (share.numProposed > 0 ? numTokens > 0 : numTokens === plan.numSteps);
        invariant(isWhole, `ids for slot ${share.slot} are missing`);
        sequence.receive(result.tokens, share, plan.numSteps);
        if (share.numProposed > 0) {
          this.#counters.numProposed += share.numProposed;
          this.#counters.numAccepted += numTokens - 1;
        }
        this.#publish(sequence);
      }
      arrivals.push({ sequence, share, result });
    }
    return arrivals;
  }

  /** Ends a sequence at any moment. Its slot and blocks are free at once, for steps submitted from now on. */
  finish(sequence: Sequence): void {
    if (sequence.status === 'finished') return;
    remove(sequence.status === 'running' ? this.#running : this.#waiting, sequence);
    this.#release(sequence, 'finished');
  }

  /** Blocks that hold the longest known start of a sequence, given the keys of its full blocks. Good until the next step. */
  find(keys: readonly string[]): readonly number[] {
    return this.#blocks.find(keys);
  }

  /** Blocks for what {@link find} does not find of `keys`, to be filled before the next step; undefined without room. */
  adopt(keys: readonly string[]): readonly number[] | undefined {
    return this.#options.enablePrefixCaching ? this.#blocks.adopt(keys) : undefined;
  }

  /** @throws PagemindError `internal` when a slot or block is lost or held twice. */
  checkIntegrity(): void {
    this.#blocks.checkIntegrity(this.#running.map(({ heldBlocks }) => heldBlocks));
    const slots = [...this.#freeSlots, ...this.#running.map(({ slot }) => slot)];
    const { maxBatchSize } = this.#limits;
    invariant(slots.length === maxBatchSize && new Set(slots).size === maxBatchSize, 'a slot is lost or held twice');
  }

  /** Gives running sequences their tokens; true if less urgent ones had to make room for others. */
  #continueRunning(draft: Draft): boolean {
    const numBefore = this.#running.length;
    // Preemption shortens the list from its end while it is walked, never before the sequence that is served.
    for (const sequence of this.#running) {
      const count = draft.roomFor(sequence);
      if (count > 0 && this.#reserveOrPreempt(sequence, sequence.numComputed + count)) draft.add(sequence, count);
    }
    return this.#running.length < numBefore;
  }

  /** Lets waiting sequences run, in order, while slots, blocks and the step have room. */
  #admitWaiting(draft: Draft): BeginSequence[] {
    const begins: BeginSequence[] = [];
    for (let head = this.#waiting[0]; head && draft.roomFor(head) > 0; head = this.#waiting[0]) {
      const keys = this.#keysOf(head);
      const found = this.#blocks.find(keys);
      const slot = this.#freeSlots.at(-1);
      if (slot === undefined || !this.#canAdmit(head, found) || this.#isUnderWay(keys, found.length)) break;
      this.#freeSlots.pop();
      this.#waiting.shift();
      this.#overtake(this.#waiting, head);
      insert(this.#running, head);
      this.#blocks.share(found);
      const numFound = found.length * this.#limits.blockSize;
      begins.push(head.begin(slot, found, numFound));
      this.#reserve(head, head.numTokens);
      draft.add(head, draft.roomFor(head));
      this.#counters.numTokensLookedUp += keys.length * this.#limits.blockSize;
      this.#counters.numTokensFound += numFound;
    }
    return begins;
  }

  /**
   * Whether a running sequence is about to fill the block that continues what was found. Whoever needs it waits for it, a
   * step or a few, so that requests of one moment that begin alike compute their start once.
   */
  #isUnderWay(keys: readonly string[], numFound: number): boolean {
    const wanted = keys.slice(0, numFound + 1);
    const end = wanted.length * this.#limits.blockSize;
    return (
      wanted.length > numFound &&
      this.#running.some((other) => {
        const others = this.#keysOf(other);
        return other.numComputed < end && wanted.every((key, i) => others[i] === key);
      })
    );
  }

  /** A sequence takes what these waited for; those of them that came before it have been overtaken once more. */
  #overtake(others: Sequence[], { arrival }: Sequence): void {
    const overtaken = others.filter((other) => other.arrival < arrival);
    for (const other of overtaken) other.beOvertaken(this.#options.maxOvertaken);
    if (overtaken.length > 0) others.sort(byUrgency);
  }

  /** Everything the sequence holds must fit at once, and leave each running one a block to grow by. */
  #canAdmit(sequence: Sequence, found: readonly number[]): boolean {
    // A preempted sequence comes back when its last ids have arrived: they have to be sent to the slot.
    if (sequence.numInFlight > 0) return false;
    const numMissing = this.#blocks.blocksFor(sequence.numTokens) - found.length;
    const numLacking = numMissing + this.#running.length - this.#blocks.numAvailableBeside(found);
    this.#numLacking = Math.max(this.#numLacking, numLacking);
    return numLacking <= 0;
  }

  /**
   * Whether the sequence shares blocks with others. Forced ones want every position computed. Above `maxSharedLen` keys are
   * rotated in a way of their own.
   */
  #isSharing({ isForced, rotaryLength }: Sequence): boolean {
    return this.#options.enablePrefixCaching && !isForced && rotaryLength <= this.#limits.maxSharedLen;
  }

  #keysOf(sequence: Sequence): readonly string[] {
    return this.#isSharing(sequence) ? sequence.blockKeys(this.#limits.blockSize) : [];
  }

  /** Lets later sequences find what this one has filled. The steps that read it are submitted later, too. */
  #publish(sequence: Sequence): void {
    if (!this.#isSharing(sequence)) return;
    const keys = sequence.takeFilled(this.#limits.blockSize);
    // Where blocks that it left behind are lost, what follows them cannot be found.
    const { numLeftBehind } = sequence;
    if (this.#blocks.find(keys.slice(0, numLeftBehind)).length < Math.min(keys.length, numLeftBehind)) return;
    this.#blocks.publish(keys, sequence.blocks);
  }

  /** Gives back the blocks that the window has passed. Whoever begins alike may still find them. */
  #leaveBehind(sequence: Sequence): void {
    const firstSeen = sequence.nextPosition + 1 - this.#limits.window;
    const numBehind = Math.floor(firstSeen / this.#limits.blockSize);
    if (numBehind <= sequence.numLeftBehind) return;
    const blocks = sequence.blocks.slice(sequence.numLeftBehind, numBehind);
    this.#blocks.release(this.#keysOf(sequence), blocks, sequence.numLeftBehind);
    sequence.numLeftBehind = numBehind;
  }

  /** All running sequences fit in a step with proposals. None joins them while proposals are under way. */
  get #hasRoomToVerify(): boolean {
    return this.#running.length < this.#limits.maxVerifyRows;
  }

  /** Proposed tokens that the step verifies, by sequence: as many as nobody else wants the room of. Reserves their blocks. */
  #reserveProposals(draft: Draft): ReadonlyMap<Sequence, number> {
    const verified = new Map<Sequence, number>();
    const { maxVerifyRows, maxPrefillTokenNum } = this.#limits;
    let room = this.#hasRoomToVerify ? Math.min(maxVerifyRows, maxPrefillTokenNum) - draft.numTokens : 0;
    for (const [sequence, count] of draft.counts) {
      let wanted = count === sequence.numPending ? Math.min(sequence.maxVerified, room) : 0;
      while (wanted > 0 && !this.#reserve(sequence, sequence.numComputed + count + wanted)) wanted--;
      if (wanted <= 0) continue;
      verified.set(sequence, wanted);
      room -= wanted;
    }
    return verified;
  }

  /** Decode steps of this submission: as many as its sequences and the available blocks allow. Reserves their blocks. */
  #reserveSteps(sequences: readonly Sequence[], maxSteps: number): number {
    let numSteps = Math.min(maxSteps, ...sequences.map(({ maxStepsInARow }) => maxStepsInARow));
    const numMissing = (sequence: Sequence): number => this.#numMissing(sequence, sequence.numComputed + numSteps);
    while (numSteps > 1 && sum(sequences.map(numMissing)) > this.#blocks.numAvailable) numSteps--;
    if (numSteps <= 1) return 1;
    for (const sequence of sequences) this.#reserve(sequence, sequence.numComputed + numSteps);
    return numSteps;
  }

  /** Reserves room for `numTokens`, from less urgent sequences if need be; false if a step has to pass first. */
  #reserveOrPreempt(sequence: Sequence, numTokens: number): boolean {
    while (!this.#reserve(sequence, numTokens)) {
      const numLacking = this.#numMissing(sequence, numTokens) - this.#blocks.numAvailable;
      this.#numLacking = Math.max(this.#numLacking, numLacking);
      // Nobody makes room while there is room to be had.
      if (this.poolSize < this.#maxPoolSize) return false;
      const last = this.#running.at(-1);
      if (!last || last === sequence) return false;
      this.#overtake([last], sequence);
      this.#sendBack(last);
      this.#counters.numPreemptions++;
    }
    return true;
  }

  /** A running sequence waits again, in its place. */
  #sendBack(sequence: Sequence): void {
    remove(this.#running, sequence);
    insert(this.#waiting, sequence);
    this.#release(sequence, 'waiting');
  }

  #reserve(sequence: Sequence, numTokens: number): boolean {
    const blocks = this.#blocks.allocate(this.#numMissing(sequence, numTokens));
    if (blocks) sequence.blocks.push(...blocks);
    return blocks !== undefined;
  }

  #numMissing(sequence: Sequence, numTokens: number): number {
    return Math.max(this.#blocks.blocksFor(numTokens) - sequence.blocks.length, 0);
  }

  #release(sequence: Sequence, status: 'waiting' | 'finished'): void {
    this.#blocks.release(this.#keysOf(sequence), sequence.heldBlocks, sequence.numLeftBehind);
    if (sequence.slot !== undefined) this.#freeSlots.push(sequence.slot);
    sequence.leave(status);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
