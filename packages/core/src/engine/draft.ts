// A step that the scheduler is making: who takes part, with how many tokens, and how much room is left.
import type { Sequence } from './sequence.js';

/** A step in the making: its sequences in order of urgency, with the number of tokens that each computes. */
export class Draft {
  readonly counts: Map<Sequence, number> = new Map();
  readonly #maxTokens: number;
  #numTokens = 0;

  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  get numTokens(): number {
    return this.#numTokens;
  }

  /** Tokens of the sequence that the step could take. A step is for sampling or for logits, as its first sequence is. */
  roomFor(sequence: Sequence): number {
    const [first = sequence] = this.counts.keys();
    return first.isForced === sequence.isForced ? Math.min(sequence.numPending, this.#maxTokens - this.#numTokens) : 0;
  }

  add(sequence: Sequence, count: number): void {
    this.counts.set(sequence, count);
    this.#numTokens += count;
  }
}
