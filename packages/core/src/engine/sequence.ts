// One growing stream of tokens: what is known of it, what of it is computed, and the slot and blocks it holds.
// It keeps the books; what runs when is the scheduler's decision.
import { invariant } from '../errors.js';
import type { BeginSequence, ScheduledSequence } from '../runner/runner.js';
import { clipSpans } from './images.js';
import { blockKey } from './prefix-cache.js';
import type { Request } from './request.js';
import type { Speculation } from './speculation.js';

/** Only a running sequence holds a slot and blocks. */
export type SequenceStatus = 'waiting' | 'running' | 'finished';

/** Stop ids that a slot checks on the GPU; further ones are noticed when the ids arrive. */
const MAX_SLOT_STOP_IDS = 8;

export class Sequence {
  readonly request: Request;
  /** Missing: its tokens come one by one. */
  readonly speculation: Speculation | undefined;
  /** Blocks in order of position. Those that are {@link numLeftBehind} are held no more. */
  readonly blocks: number[] = [];
  /** Blocks at the start that were given back, as no token to come sees them. */
  numLeftBehind = 0;
  /** Place in the order of arrival, which the scheduler gives. */
  arrival = 0;
  /** How often a later arrival went before it. */
  #numOvertaken = 0;
  #urgency: number;
  #status: SequenceStatus = 'waiting';
  #slot: number | undefined;

  /** Ids that have reached this thread: the prompt, then what was sampled. */
  readonly #knownIds: number[];
  /** Tokens that submitted steps sample and whose ids have not arrived. */
  #numInFlight = 0;
  /** Tokens whose keys and values submitted steps write: the queue's order makes submitted as good as done. */
  #numComputed = 0;
  /** Tokens known when the sequence took its slot. */
  #numAtBegin = 0;
  /** Tokens whose ids have to be sent. Later ones were sampled last on the GPU, which needs no ids for them. */
  #numToSend = 0;
  /** Blocks that the runner has been told of. */
  #numBlocksSent = 0;
  /** Blocks that {@link takeFilled} has given. */
  #numBlocksFilled = 0;
  readonly #blockKeys: string[] = [];
  #numCached: number | undefined;

  constructor(request: Request, speculation?: Speculation) {
    this.request = request;
    this.speculation = speculation;
    this.#knownIds = [...request.promptIds];
    this.#urgency = request.priority;
  }

  /** Its priority, until it was overtaken too often. */
  get urgency(): number {
    return this.#urgency;
  }

  get status(): SequenceStatus {
    return this.#status;
  }

  get slot(): number | undefined {
    return this.#slot;
  }

  /** All tokens were given: nothing is sampled, logits are wanted. */
  get isForced(): boolean {
    return this.request.decodeFrom !== undefined;
  }

  /** All tokens, with those whose ids are still in flight. */
  get numTokens(): number {
    return this.#knownIds.length + this.#numInFlight;
  }

  get numInFlight(): number {
    return this.#numInFlight;
  }

  get numComputed(): number {
    return this.#numComputed;
  }

  /** Blocks that it holds. */
  get heldBlocks(): readonly number[] {
    return this.blocks.slice(this.numLeftBehind);
  }

  /** First position that a step may still compute: where proposals turn out wrong, that falls back to what is known. */
  get nextPosition(): number {
    return Math.min(this.#numComputed, this.#knownIds.length - 1);
  }

  /** The length that its keys are rotated by, where rotation depends on a length. */
  get rotaryLength(): number {
    const { promptIds, maxKeptLen } = this.request;
    if (maxKeptLen === Number.POSITIVE_INFINITY) return promptIds.length;
    return this.#status === 'running' ? this.#numAtBegin : this.#knownIds.length;
  }

  /** What is computed is of no use for the next token: the sequence has to begin anew. */
  get isOutgrown(): boolean {
    return this.#status === 'running' && this.#numInFlight === 0 && this.#numComputed === this.#maxComputed;
  }

  /** Tokens that were computed already when the sequence took a slot for the first time. */
  get numCached(): number {
    return this.#numCached ?? 0;
  }

  /** Tokens to compute next; 0 when there is nothing to do but wait for results. */
  get numPending(): number {
    const numPending = Math.min(this.numTokens - this.#numComputed, this.#numLeft);
    const { decodeFrom } = this.request;
    return decodeFrom === undefined ? numPending : Math.min(numPending, Math.max(decodeFrom - this.#numComputed, 1));
  }

  /** It waits for its ids, which proposals are to follow or are among. */
  get isSettling(): boolean {
    return this.#numInFlight > 0 && this.#numProposed > 0;
  }

  /** Proposed tokens that a step may verify which computes all {@link numPending}. */
  get maxVerified(): number {
    if (this.#numInFlight > 0) return 0;
    return Math.min(this.#numProposed, this.#numLeft - this.numPending);
  }

  get #numProposed(): number {
    return this.speculation?.proposal.length ?? 0;
  }

  /** Steps that the GPU can run in a row from what it sampled last; 0 when ids have to be sent. */
  get maxStepsInARow(): number {
    return this.#isContinuing ? this.#numLeft : 0;
  }

  /** Tokens to compute until the end, or until it has to begin anew. The last sampled one never is. */
  get #numLeft(): number {
    return Math.min(this.request.maxLength - 1, this.#maxComputed) - this.#numComputed;
  }

  /** Most tokens that can be computed between this start and the next. */
  get #maxComputed(): number {
    return Math.max(this.request.maxKeptLen, this.#numAtBegin);
  }

  get #isContinuing(): boolean {
    return !this.isForced && this.#numComputed >= this.#numToSend;
  }

  /**
   * Keys of the blocks whose contents are certain. The last token is left out: what follows it has to be sampled from it,
   * so a sequence computes it in any case; and where it ended the sequence, the GPU computes it no more.
   */
  blockKeys(blockSize: number): readonly string[] {
    const numBlocks = Math.floor((this.#knownIds.length - 1) / blockSize);
    while (this.#blockKeys.length < numBlocks) {
      const start = this.#blockKeys.length * blockSize;
      const end = start + blockSize;
      this.#blockKeys.push(blockKey(this.#knownIds.slice(start, end), clipSpans(this.request.images, start, end)));
    }
    return this.#blockKeys;
  }

  /** Keys of the blocks that are computed and certain; none when they are no more than the last time. */
  takeFilled(blockSize: number): readonly string[] {
    const keys = this.blockKeys(blockSize);
    const numFilled = Math.min(keys.length, Math.floor(this.#numComputed / blockSize));
    if (numFilled <= this.#numBlocksFilled) return [];
    this.#numBlocksFilled = numFilled;
    return keys.slice(0, numFilled);
  }

  /** Takes a slot, and blocks that hold its first `numFound` tokens; everything else that is known is to be computed. */
  begin(slot: number, found: readonly number[], numFound: number): BeginSequence {
    invariant(this.#status === 'waiting' && this.#numInFlight === 0, 'only a settled waiting sequence begins');
    this.#status = 'running';
    this.#slot = slot;
    this.blocks.push(...found);
    this.#numAtBegin = this.#knownIds.length;
    this.#numToSend = this.#knownIds.length;
    this.#numComputed = numFound;
    this.#numCached ??= numFound;
    const { promptIds, images, sampling, maxLength, minLength, stopIds } = this.request;
    return {
      slot,
      params: sampling,
      promptIds,
      images,
      generatedIds: this.#knownIds.slice(promptIds.length),
      maxLength,
      minLength,
      stopIds: [...stopIds].slice(0, MAX_SLOT_STOP_IDS),
    };
  }

  /**
   * Takes its share of a submission: `numTokens` in the first step, then one in each further step; or, in a single step, these
   * and `numVerified` proposed ones.
   */
  advance(numTokens: number, numSteps: number, numVerified = 0): ScheduledSequence {
    invariant(this.#slot !== undefined, 'only a running sequence advances');
    const proposed = this.speculation?.take(numVerified) ?? [];
    const start = this.#numComputed;
    const end = start + numTokens;
    const share: ScheduledSequence = {
      slot: this.#slot,
      startPosition: start,
      tokens: this.#isContinuing && numVerified === 0 ? [] : [...this.#knownIds.slice(start, end), ...proposed],
      numProposed: numVerified,
      images: clipSpans(this.request.images, start, end),
      firstBlock: this.#numBlocksSent,
      newBlocks: this.blocks.slice(this.#numBlocksSent),
      sample: !this.isForced && end === this.numTokens,
      wantsLogits: this.isForced,
      ...(this.request.wantsLogprobs && { targets: this.#knownIds.slice(start + 1, end + 1) }),
    };
    this.#numBlocksSent = this.blocks.length;
    this.#numComputed = end + numVerified + numSteps - 1;
    if (share.sample) this.#numInFlight += numVerified + numSteps;
    return share;
  }

  /** A later arrival goes before it; of `most` times the last one makes it the most urgent. */
  beOvertaken(most: number): void {
    this.#numOvertaken += 1;
    if (this.#numOvertaken >= most) this.#urgency = Number.POSITIVE_INFINITY;
  }

  /** Ids arrive of a share that was in flight; fewer than were if the sequence was done before, or proposals were wrong. */
  receive(ids: readonly number[], { numProposed }: ScheduledSequence, numSteps: number): void {
    this.#numInFlight -= numProposed + numSteps;
    this.#knownIds.push(...ids);
    if (numProposed > 0) {
      // What was computed for wrong proposals is as good as not computed, and the GPU does not know which id is the last.
      this.#numComputed = this.#knownIds.length - 1;
      this.#numToSend = this.#knownIds.length;
    }
    this.speculation?.observe(this.#knownIds, ids.length, numProposed, this.#numInFlight);
  }

  /** Gives its slot and blocks up (the scheduler takes them) and forgets what was computed. */
  leave(status: 'waiting' | 'finished'): void {
    this.#status = status;
    this.#slot = undefined;
    this.blocks.length = 0;
    this.numLeftBehind = 0;
    this.#numComputed = 0;
    this.#numBlocksSent = 0;
    this.#numBlocksFilled = 0;
  }
}
