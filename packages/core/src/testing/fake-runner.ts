// A model runner without a GPU, for tests: a queue that runs when told to, and a toy model whose next token depends on
// every token before it, read back through the block table. A block lost, shared or reused too early changes the answer.
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
  blockSize: 4,
  sessionLen: 64,
  maxPrefillTokenNum: 16,
  maxStepsPerSubmit: 4,
  vocabSize: 97,
};

/** The token that the toy model puts after `ids`. */
export function nextToken(ids: readonly number[], vocabSize: number = LIMITS.vocabSize): number {
  return ids.reduce((hash, id) => (Math.imul(hash ^ id, 0x01000193) + 0x9e3779b9) >>> 0, 0x811c9dc5) % vocabSize;
}

/** What the toy model answers to `promptIds`, without any cache. */
export function answerOf(promptIds: readonly number[], numTokens: number, vocabSize?: number): number[] {
  const ids = [...promptIds];
  while (ids.length < promptIds.length + numTokens) ids.push(nextToken(ids, vocabSize));
  return ids.slice(promptIds.length);
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

export class FakeRunner implements ModelRunner {
  readonly limits: RunnerLimits;
  /** Every plan, in order of submission. */
  readonly plans: StepPlan[] = [];
  readonly begins: BeginSequence[] = [];
  isDisposed = false;
  /** Set: the next submission fails with it. */
  failure: unknown;
  readonly #queue: (BeginSequence | QueuedStep)[] = [];
  readonly #slots = new Map<number, Slot>();
  /** Token ids where a model has keys and values, `[numBlocks * blockSize]`. */
  readonly #kv: Int32Array;

  constructor(limits: Partial<RunnerLimits> = {}) {
    this.limits = { ...LIMITS, ...limits };
    this.#kv = new Int32Array(this.limits.numBlocks * this.limits.blockSize).fill(-1);
  }

  get counters(): RunnerCounters {
    const submits = this.plans.length;
    return { steps: submits, submits, passes: submits, dispatches: 0, gpuObjects: 0, readbackBytes: 0 };
  }

  /** Submissions whose results have not been delivered. */
  get numPending(): number {
    return this.#queue.filter((entry) => 'plan' in entry).length;
  }

  beginSequence(begin: BeginSequence): void {
    this.begins.push(begin);
    this.#queue.push(begin);
  }

  execute(plan: StepPlan): Promise<StepResult> {
    invariant(!this.isDisposed, 'a disposed runner runs nothing');
    this.plans.push(plan);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => this.#queue.push({ plan, resolve, reject }));
  }

  /** The GPU runs the `count` oldest submissions; their results arrive in order, or the last one first. */
  deliver(count = 1, order: 'in order' | 'reversed' = 'in order'): void {
    const deliveries: (() => void)[] = [];
    while (deliveries.length < count && this.#queue.length > 0) {
      const entry = this.#queue.shift();
      if (!entry) break;
      if (!('plan' in entry)) {
        this.#slots.set(entry.slot, { begin: entry, table: [], position: 0, lastSampled: undefined, isDone: false });
        continue;
      }
      deliveries.push(this.#run(entry));
    }
    for (const deliver of order === 'in order' ? deliveries : deliveries.reverse()) deliver();
  }

  dispose(): void {
    this.isDisposed = true;
    for (const entry of this.#queue.splice(0)) if ('plan' in entry) entry.reject(new Error('the device is gone'));
  }

  #run({ plan, resolve, reject }: QueuedStep): () => void {
    try {
      this.#check(plan);
      const sequences = plan.sequences
        .map((share) => (share.wantsLogits ? this.#force(share) : this.#continue(share, plan.numSteps)))
        .filter((_, i) => plan.sequences[i]?.sample || plan.sequences[i]?.wantsLogits);
      return () => resolve({ sequences });
    } catch (error) {
      return () => reject(error);
    }
  }

  #check({ sequences, numSteps }: StepPlan): void {
    const { maxBatchSize, maxPrefillTokenNum, maxStepsPerSubmit } = this.limits;
    const numTokens = sequences.reduce((sum, { tokens }) => sum + Math.max(tokens.length, 1), 0);
    invariant(
      sequences.length > 0 && sequences.length <= maxBatchSize,
      'a step has sequences, as many as slots at most',
    );
    invariant(new Set(sequences.map(({ slot }) => slot)).size === sequences.length, 'a slot is once in a step');
    invariant(numTokens <= maxPrefillTokenNum, 'a step keeps to its token budget');
    invariant(numSteps >= 1 && numSteps <= maxStepsPerSubmit, 'a submission keeps to its steps');
    invariant(numSteps === 1 || sequences.every(({ tokens }) => tokens.length === 0), 'only decode steps repeat');
    invariant(new Set(sequences.map(({ wantsLogits }) => wantsLogits)).size === 1, 'logits and sampling do not mix');
    for (const { slot, firstBlock, newBlocks } of sequences) {
      const table = this.#slot(slot).table;
      invariant(table.length === firstBlock, 'a table grows at its end');
      table.push(...newBlocks);
    }
    const blocks = sequences.flatMap(({ slot }) => this.#slot(slot).table);
    invariant(new Set(blocks).size === blocks.length, 'no block is in two tables');
  }

  #continue({ slot: index, startPosition, tokens, sample }: ScheduledSequence, numSteps: number): SequenceResult {
    const slot = this.#slot(index);
    const sampled: number[] = [];
    if (slot.isDone) return { slot: index, tokens: sampled, isDone: true };
    invariant(slot.position === startPosition, 'positions are contiguous');
    invariant(tokens.length > 0 || slot.lastSampled !== undefined, 'only a sampled token need not be sent');
    for (const id of tokens) this.#compute(slot, id);
    for (let step = 0; step < numSteps && !slot.isDone; step++) {
      if (tokens.length === 0 && slot.lastSampled !== undefined) this.#compute(slot, slot.lastSampled);
      if (sample) sampled.push(this.#sample(slot));
    }
    return { slot: index, tokens: sampled, isDone: slot.isDone };
  }

  #sample(slot: Slot): number {
    const { maxLength, minLength, stopIds } = slot.begin;
    const { vocabSize } = this.limits;
    let id = nextToken(this.#read(slot), vocabSize);
    while (slot.position < minLength && stopIds.includes(id)) id = (id + 1) % vocabSize;
    slot.lastSampled = id;
    slot.isDone = stopIds.includes(id) || slot.position + 1 === maxLength;
    return id;
  }

  /** Logits that are 1 for the token that follows and 0 for others, `[tokens.length, vocabSize]`. */
  #force({ slot: index, startPosition, tokens }: ScheduledSequence): SequenceResult {
    const slot = this.#slot(index);
    const { vocabSize } = this.limits;
    invariant(slot.position === startPosition && tokens.length > 0, 'forced tokens are sent in order');
    const logits = new Float32Array(tokens.length * vocabSize);
    for (const [row, id] of tokens.entries()) {
      this.#compute(slot, id);
      logits[row * vocabSize + nextToken(this.#read(slot), vocabSize)] = 1;
    }
    return { slot: index, tokens: [], isDone: false, logits };
  }

  #compute(slot: Slot, id: number): void {
    this.#kv[this.#address(slot, slot.position)] = id;
    slot.position += 1;
  }

  /** The tokens before the slot's position, as the cache has them. */
  #read(slot: Slot): number[] {
    return Array.from({ length: slot.position }, (_, position) => this.#kv[this.#address(slot, position)] ?? -1);
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
