// What a submission leaves in the sampler's rings: which bytes of them come back, and what they say. When they come, and
// into which buffer, is the runner's and the readback's business.
import { LOGPROBS_ENTRY_BYTES, logprobsBytes, readLogprobs, readRingEntry } from '@pagemind/kernels-wgsl';
import { MAX_STEPS_PER_SUBMIT, RING_LENGTH, type SamplerBuffers } from '../layers/sampler.js';
import type { SequenceResult, StepPlan } from './runner.js';

const RING_BYTES = RING_LENGTH * 4;

/** Most bytes of one submission. */
export function maxResultBytes(maxBatchSize: number): number {
  return maxBatchSize * (RING_BYTES + MAX_STEPS_PER_SUBMIT * LOGPROBS_ENTRY_BYTES);
}

/** A sequence that samples, and where its results lie among those of the submission. */
interface Share {
  readonly slot: number;
  readonly proposed: readonly number[];
  /** Of the first token that is sampled. */
  readonly position: number;
  readonly ringAt: number;
  readonly numTop: number | undefined;
  readonly logprobsAt: number;
}

export class StepResults {
  readonly numBytes: number;
  readonly #numSteps: number;
  readonly #shares: readonly Share[];
  readonly #firstSlot: number;
  readonly #ringBytes: number;

  /** @param numTopOf log probabilities that a slot's sequence asks for, beside the sampled token's; undefined: none */
  constructor({ sequences, numSteps }: StepPlan, numTopOf: (slot: number) => number | undefined) {
    const sampling = sequences.filter(({ sample }) => sample);
    const slots = sampling.map(({ slot }) => slot);
    this.#numSteps = numSteps;
    this.#firstSlot = Math.min(...slots);
    // One copy for the rings of all slots, those between them included.
    this.#ringBytes = (Math.max(...slots) - this.#firstSlot + 1) * RING_BYTES;
    let numBytes = this.#ringBytes;
    this.#shares = sampling.map(({ slot, startPosition, tokens, numProposed }) => {
      const numTop = numTopOf(slot);
      const numCertain = tokens.length - numProposed;
      const proposed = tokens.slice(numCertain);
      const position = startPosition + Math.max(numCertain, 1);
      const ringAt = (slot - this.#firstSlot) * RING_BYTES;
      const logprobsAt = numBytes;
      if (numTop !== undefined) numBytes += numSteps * logprobsBytes(numTop);
      return { slot, proposed, position, ringAt, numTop, logprobsAt };
    });
    this.numBytes = numBytes;
  }

  /** Copies them to the start of `target`. Of log probabilities, only what was asked for. */
  copy(encoder: GPUCommandEncoder, { ring, logprobs }: SamplerBuffers, target: GPUBuffer): void {
    encoder.copyBufferToBuffer(ring, this.#firstSlot * RING_BYTES, target, 0, this.#ringBytes);
    for (const { slot, position, numTop, logprobsAt } of this.#shares) {
      if (numTop === undefined) continue;
      const bytes = logprobsBytes(numTop);
      for (let step = 0; step < this.#numSteps; step++) {
        const entry = slot * RING_LENGTH + ((position + step) % RING_LENGTH);
        encoder.copyBufferToBuffer(logprobs, entry * LOGPROBS_ENTRY_BYTES, target, logprobsAt + step * bytes, bytes);
      }
    }
  }

  /** Results in the plan's order. What stands behind a done flag or a wrong proposal in a ring counts for nothing. */
  read(words: Uint32Array): readonly SequenceResult[] {
    return this.#shares.map(({ slot, proposed, position, ringAt, numTop, logprobsAt }) => {
      const tokens: number[] = [];
      let isDone = false;
      let isRight = true;
      for (let i = 0; i < this.#numSteps + proposed.length && !isDone && isRight; i++) {
        const { token, done } = readRingEntry(words[ringAt / 4 + ((position + i) % RING_LENGTH)] ?? 0);
        tokens.push(token);
        isDone = done;
        isRight = i >= proposed.length || token === proposed[i];
      }
      if (numTop === undefined) return { slot, tokens, isDone };
      const at = (step: number): number => (logprobsAt + step * logprobsBytes(numTop)) / 4;
      return { slot, tokens, isDone, logprobs: tokens.map((id, step) => readLogprobs(words, at(step), id, numTop)) };
    });
  }
}
