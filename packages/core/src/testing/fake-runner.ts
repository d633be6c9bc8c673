// A model runner without a GPU, for tests: a queue that runs when told to, and a toy model whose next token depends on
// every token before it, read back through the block table. A block lost, shared or reused too early changes the answer.
import type { DrawnLogprobs } from '@pagemind/kernels-wgsl';
import { invariant } from '../errors.js';
import type {
  BeginSequence,
  ModelRunner,
  RunnerCounters,
  RunnerLimits,
  ScheduledSequence,
  SequenceResult,
  StepPlan,
  StepResult,
} from '../runner/runner.js';

const LIMITS: RunnerLimits = {
  maxBatchSize: 4,
  numBlocks: 64,
  firstBlocks: 64,
  blockSize: 4,
  sessionLen: 64,
  maxPrefillTokenNum: 16,
  maxVerifyRows: 8,
  maxStepsPerSubmit: 4,
  vocabSize: 97,
  maxImageRows: 0,
  maxSharedLen: Number.POSITIVE_INFINITY,
  window: Number.POSITIVE_INFINITY,
  maxKeptLen: Number.POSITIVE_INFINITY,
};

/** What the toy model makes of tokens, one after the other. */
const START = 0x811c9dc5;
const hashWith = (hash: number, id: number): number => (Math.imul(hash ^ id, 0x01000193) + 0x9e3779b9) >>> 0;

/** The token that the toy model puts after `ids`, of which it sees the last `window`. */
export function nextToken(
  ids: readonly number[],
  vocabSize: number = LIMITS.vocabSize,
  window: number = ids.length,
): number {
  return ids.slice(-Math.min(window, ids.length)).reduce(hashWith, START) % vocabSize;
}

/** What the toy model answers to `promptIds`, without any cache. */
export function answerOf(
  promptIds: readonly number[],
  numTokens: number,
  vocabSize: number = LIMITS.vocabSize,
  window: number = Number.POSITIVE_INFINITY,
): number[] {
  const ids: number[] = [];
  while (ids.length < numTokens) ids.push(nextToken([...promptIds, ...ids], vocabSize, window));
  return ids;
}

/** The log probabilities that the toy model gives to a token and to those after it. */
export function logprobsOf(id: number, numTop: number, vocabSize: number = LIMITS.vocabSize): DrawnLogprobs {
  const top = Array.from({ length: numTop }, (_, i) => ({ id: (id + i) % vocabSize, logprob: -1 - i }));
  return { id, logprob: -1, top };
}

/** What the toy model sees in place of a token for a row of an image. */
export function imageRow(hash: string, row: number): number {
  const letters = Array.from(hash, (letter) => letter.charCodeAt(0));
  return nextToken(letters, 1000) * 1000 + row;
}

/** The tokens of a share, rows of images in their places. */
function seenBy({ tokens, images }: ScheduledSequence): readonly number[] {
  const seen = [...tokens];
  for (const { image, firstFeature, firstToken, numRows } of images) {
    invariant(numRows > 0 && firstToken + numRows <= tokens.length, 'a span lies within its tokens');
    invariant(firstFeature + numRows <= image.placement.numRows, 'a span lies within its image');
    for (let i = 0; i < numRows; i++) seen[firstToken + i] = imageRow(image.hash, firstFeature + i);
  }
  return seen;
}

interface Slot {
  readonly begin: BeginSequence;
  readonly table: number[];
  position: number;
  lastSampled: number | undefined;
  isDone: boolean;
}

interface QueuedStep {
  readonly plan: StepPlan;
  readonly resolve: (result: StepResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Of blocks, to or fro. */
interface QueuedCopy {
  readonly copy: () => void;
}

/** What differs from {@link LIMITS}; blocks may be larger than their tokens, as real ones are. */
export type FakeLimits = Partial<RunnerLimits & Pick<ModelRunner, 'blockBytes'>>;

export class FakeRunner implements ModelRunner {
  readonly limits: RunnerLimits;
  readonly blockBytes: number;
  /** Every plan, in order of submission. */
  readonly plans: StepPlan[] = [];
  readonly begins: BeginSequence[] = [];
  isDisposed = false;
  /** Set: the next submission fails with it. */
  failure: unknown;
  /** Set: the pool does not grow. */
  growFailure: unknown;
  readonly #queue: (BeginSequence | QueuedStep | QueuedCopy)[] = [];
  readonly #slots = new Map<number, Slot>();
  /** Token ids where a model has keys and values, `[numBlocks * blockSize]`. */
  readonly #kv: Int32Array;

  constructor({ blockBytes, ...limits }: FakeLimits = {}) {
    const { numBlocks = LIMITS.numBlocks } = limits;
    this.limits = { ...LIMITS, firstBlocks: numBlocks, ...limits };
    this.blockBytes = blockBytes ?? this.limits.blockSize * 4;
    this.#kv = new Int32Array(this.limits.numBlocks * this.limits.blockSize).fill(-1);
  }

  get counters(): RunnerCounters {
    const submits = this.plans.length;
    return {
      steps: submits,
      submits,
      passes: submits,
      dispatches: 0,
      gpuObjects: 0,
      readbackBytes: 0,
      imagesEncoded: 0,
      gpuBytes: 0,
    };
  }

  /** Submissions and copies that have not been delivered. */
  get numPending(): number {
    return this.#queue.filter((entry) => !('slot' in entry)).length;
  }

  beginSequence(begin: BeginSequence): void {
    this.begins.push(begin);
    this.#queue.push(begin);
  }

  async growPool(): Promise<void> {
    if (this.growFailure !== undefined) throw this.growFailure;
  }

  execute(plan: StepPlan): Promise<StepResult> {
    invariant(!this.isDisposed, 'a disposed runner runs nothing');
    this.plans.push(plan);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => this.#queue.push({ plan, resolve, reject }));
  }

  readBlocks(blocks: readonly number[]): Promise<Uint8Array<ArrayBuffer>> {
    const { blockBytes } = this;
    const { blockSize } = this.limits;
    return new Promise((resolve) => {
      const copy = (): void => {
        const bytes = new Uint8Array(blocks.length * blockBytes);
        for (const [i, block] of blocks.entries()) {
          const ids = this.#kv.slice(block * blockSize, (block + 1) * blockSize);
          bytes.set(new Uint8Array(ids.buffer), i * blockBytes);
        }
        resolve(bytes);
      };
      this.#queue.push({ copy });
    });
  }

  writeBlocks(blocks: readonly number[], bytes: Uint8Array<ArrayBuffer>): void {
    const { blockBytes } = this;
    const { blockSize } = this.limits;
    const copy = (): void => {
      for (const [i, block] of blocks.entries()) {
        const ids = new Int32Array(bytes.slice(i * blockBytes, i * blockBytes + blockSize * 4).buffer);
        this.#kv.set(ids, block * blockSize);
      }
    };
    this.#queue.push({ copy });
  }

  /** The GPU runs the `count` oldest submissions; their results arrive in order, or the last one first. */
  deliver(count = 1, order: 'in order' | 'reversed' = 'in order'): void {
    const deliveries: (() => void)[] = [];
    while (deliveries.length < count && this.#queue.length > 0) {
      const entry = this.#queue.shift();
      if (!entry) break;
      if ('copy' in entry) entry.copy();
      else if ('plan' in entry) deliveries.push(this.#run(entry));
      else this.begin(entry);
    }
    for (const deliver of order === 'in order' ? deliveries : deliveries.reverse()) deliver();
  }

  dispose(): void {
    this.isDisposed = true;
    for (const entry of this.#queue.splice(0)) if ('plan' in entry) entry.reject(new Error('the device is gone'));
  }

  /** {@link beginSequence} without the queue. */
  begin(begin: BeginSequence): void {
    this.#slots.set(begin.slot, { begin, table: [], position: 0, lastSampled: undefined, isDone: false });
  }

  /** {@link execute} without the queue. */
  run(plan: StepPlan): StepResult {
    this.#check(plan);
    const sequences = plan.sequences
      .map((share) => (share.wantsLogits ? this.#force(share) : this.#continue(share, plan.numSteps)))
      .filter((_, i) => plan.sequences[i]?.sample || plan.sequences[i]?.wantsLogits);
    return { sequences };
  }

  /** The tokens that a slot has computed and still sees, as it reads them back through its blocks, by position. */
  contents(slot: number): ReadonlyMap<number, number> {
    const { position } = this.#slot(slot);
    const ids = this.#read(this.#slot(slot));
    return new Map(ids.map((id, i) => [position - ids.length + i, id]));
  }

  #run({ plan, resolve, reject }: QueuedStep): () => void {
    try {
      const result = this.run(plan);
      return () => resolve(result);
    } catch (error) {
      return () => reject(error);
    }
  }

  #check({ sequences, numSteps }: StepPlan): void {
    const { maxBatchSize, maxPrefillTokenNum, maxVerifyRows, maxStepsPerSubmit, blockSize } = this.limits;
    const numTokens = sequences.reduce((sum, { tokens }) => sum + Math.max(tokens.length, 1), 0);
    invariant(
      sequences.length > 0 && sequences.length <= maxBatchSize,
      'a step has sequences, as many as slots at most',
    );
    invariant(new Set(sequences.map(({ slot }) => slot)).size === sequences.length, 'a slot is once in a step');
    invariant(numTokens <= maxPrefillTokenNum, 'a step keeps to its token budget');
    invariant(numSteps >= 1 && numSteps <= maxStepsPerSubmit, 'a submission keeps to its steps');
    invariant(numSteps === 1 || sequences.every(({ tokens }) => tokens.length === 0), 'only decode steps repeat');
    const verifying = sequences.filter(({ numProposed }) => numProposed > 0);
    invariant(verifying.length === 0 || numTokens <= maxVerifyRows, 'a step with proposals is small');
    invariant(
      verifying.every(({ tokens, numProposed, sample }) => sample && tokens.length > numProposed),
      'proposals follow a token that is certain',
    );
    invariant(new Set(sequences.map(({ wantsLogits }) => wantsLogits)).size === 1, 'logits and sampling do not mix');
    for (const share of sequences) this.#growTable(share);
    const read = new Map(
      sequences.map(({ slot, startPosition }) => {
        const firstSeen = this.#firstSeen(startPosition + 1);
        return [slot, this.#slot(slot).table.slice(Math.floor(firstSeen / blockSize))];
      }),
    );
    for (const { slot, startPosition, tokens } of sequences) {
      const end = startPosition + Math.max(tokens.length, 1) + numSteps - 1;
      const written = this.#slot(slot).table.slice(Math.floor(startPosition / blockSize), Math.ceil(end / blockSize));
      for (const [other, table] of read) {
        const isApart = other === slot || !table.some((block) => written.includes(block));
        invariant(isApart, 'a block that is written is in one table');
      }
    }
  }

  /** A slot's first step begins where the blocks end that it shares with earlier ones. */
  #growTable({ slot: index, startPosition, firstBlock, newBlocks }: ScheduledSequence): void {
    const slot = this.#slot(index);
    invariant(slot.table.length === firstBlock, 'a table grows at its end');
    if (slot.table.length === 0) {
      invariant(startPosition % this.limits.blockSize === 0, 'only full blocks are shared');
      slot.position = startPosition;
    }
    slot.table.push(...newBlocks);
  }

  #continue(share: ScheduledSequence, numSteps: number): SequenceResult {
    const { slot: index, startPosition, tokens, numProposed, sample } = share;
    const slot = this.#slot(index);
    const sampled: number[] = [];
    if (slot.isDone) return { slot: index, tokens: sampled, isDone: true };
    invariant(slot.position === startPosition, 'positions are contiguous');
    invariant(tokens.length > 0 || slot.lastSampled !== undefined, 'only a sampled token need not be sent');
    if (numProposed > 0) return this.#verify(share);
    for (const id of seenBy(share)) this.#compute(slot, id);
    for (let step = 0; step < numSteps && !slot.isDone; step++) {
      if (tokens.length === 0 && slot.lastSampled !== undefined) this.#compute(slot, slot.lastSampled);
      if (sample) sampled.push(this.#sample(slot));
    }
    const { numTopLogprobs } = slot.begin.params;
    return {
      slot: index,
      tokens: sampled,
      isDone: slot.isDone,
      ...(numTopLogprobs !== undefined && {
        logprobs: sampled.map((id) => logprobsOf(id, numTopLogprobs, this.limits.vocabSize)),
      }),
    };
  }

  /** Computes all tokens, wrong ones too, and samples before each proposed one; the slot stays behind the last right one. */
  #verify(share: ScheduledSequence): SequenceResult {
    const slot = this.#slot(share.slot);
    const seen = seenBy(share);
    const numCertain = seen.length - share.numProposed;
    const sampled: number[] = [];
    let isDone = false;
    let isRight = true;
    for (const [i, id] of [...seen, undefined].entries()) {
      if (i >= numCertain && isRight && !isDone) {
        sampled.push(this.#sample(slot));
        isDone = slot.isDone;
        isRight = sampled.at(-1) === id;
      }
      if (id !== undefined) this.#compute(slot, id);
    }
    slot.position = share.startPosition + numCertain + sampled.length - 1;
    slot.lastSampled = undefined;
    slot.isDone = false;
    return { slot: share.slot, tokens: sampled, isDone };
  }

  #sample(slot: Slot): number {
    const { maxLength, minLength, stopIds } = slot.begin;
    const { vocabSize } = this.limits;
    const isFresh = slot.position <= this.limits.maxKeptLen || slot.position === this.#lengthAtBegin(slot);
    invariant(isFresh, 'what was computed for another length is not read');
    let id = nextToken(this.#read(slot), vocabSize);
    while (slot.position < minLength && stopIds.includes(id)) id = (id + 1) % vocabSize;
    slot.lastSampled = id;
    slot.isDone = stopIds.includes(id) || slot.position + 1 === maxLength;
    return id;
  }

  /** Logits that are 1 for the token that follows and 0 for others; log probabilities that are 0 for it and -1 for others. */
  #force(share: ScheduledSequence): SequenceResult {
    const { slot: index, startPosition, tokens } = share;
    const slot = this.#slot(index);
    const { vocabSize } = this.limits;
    invariant(slot.position === startPosition && tokens.length > 0, 'forced tokens are sent in order');
    const logits = new Float32Array(tokens.length * vocabSize);
    for (const [row, id] of seenBy(share).entries()) {
      this.#compute(slot, id);
      logits[row * vocabSize + nextToken(this.#read(slot), vocabSize)] = 1;
    }
    const targetLogprobs = share.targets?.map((id, row) => (logits[row * vocabSize + id] ?? 0) - 1);
    const wanted = targetLogprobs ? { targetLogprobs: Float32Array.from(targetLogprobs) } : { logits };
    return { slot: index, tokens: [], isDone: false, ...wanted };
  }

  #compute(slot: Slot, id: number): void {
    this.#kv[this.#address(slot, slot.position)] = id + this.#rotation(slot);
    slot.position += 1;
  }

  /** The tokens before the slot's position that the last of them sees, as the cache has them. */
  #read(slot: Slot): number[] {
    const rotation = this.#rotation(slot);
    const first = this.#firstSeen(slot.position);
    return Array.from(
      { length: slot.position - first },
      (_, i) => (this.#kv[this.#address(slot, first + i)] ?? -1) - rotation,
    );
  }

  /** First position that the last of `length` tokens sees. */
  #firstSeen(length: number): number {
    return Math.max(length - this.limits.window, 0);
  }

  /** Long prompts write their keys in a way of their own, which others cannot read. */
  #rotation(slot: Slot): number {
    const length = this.#lengthAtBegin(slot);
    return length > this.limits.maxSharedLen ? length * 1e7 : 0;
  }

  /** The length that rotation goes by. */
  #lengthAtBegin({ begin: { promptIds, generatedIds } }: Slot): number {
    const isFrozen = this.limits.maxKeptLen === Number.POSITIVE_INFINITY;
    return promptIds.length + (isFrozen ? 0 : generatedIds.length);
  }

  #address({ table }: Slot, position: number): number {
    const { blockSize } = this.limits;
    const block = table[Math.floor(position / blockSize)];
    invariant(block !== undefined, `position ${position} has a block`);
    return block * blockSize + (position % blockSize);
  }

  #slot(index: number): Slot {
    const slot = this.#slots.get(index);
    invariant(slot, 'a slot is prepared before it is used');
    return slot;
  }
}
