// The books of one sequence's proposals: what is proposed next, what became of earlier ones, and when to leave it. Whether a
// step has room for them is the scheduler's decision, whether they are right the runner's.
import type { SequenceSampling } from '../sampling/params.js';
import type { Proposer } from './proposer.js';

/** How an engine speculates. */
export interface SpeculationConfig {
  readonly proposer: Proposer;
  /** Most tokens that are proposed at once. */
  readonly numSpeculativeTokens: number;
}

/** After so many wrong proposals in a row, pauses get no longer: then they are 31 tokens. */
const MAX_MISSES = 6;

export class Speculation {
  readonly #config: SpeculationConfig;
  #proposal: readonly number[] = [];
  #numMisses = 0;
  /** Tokens to arrive before the next proposal. */
  #pause = 0;
  #numProposed = 0;
  #numAccepted = 0;

  constructor(config: SpeculationConfig) {
    this.#config = config;
  }

  /** Ids that may follow the known ones: those in flight, and some behind them. Empty: nothing is proposed. */
  get proposal(): readonly number[] {
    return this.#proposal;
  }

  /** Tokens that steps have verified. */
  get numProposed(): number {
    return this.#numProposed;
  }

  /** Tokens beyond the one that a step brings in any case. */
  get numAccepted(): number {
    return this.#numAccepted;
  }

  /** The sequence goes on, with the first `count` of the proposal or without any. */
  take(count: number): readonly number[] {
    this.#proposal = this.#proposal.slice(0, count);
    return this.#proposal;
  }

  /**
   * Ids have arrived, the last `numArrived` of those known.
   * @param numVerified tokens that the step verified
   * @param numInFlight tokens that have not arrived yet
   */
  observe(ids: readonly number[], numArrived: number, numVerified: number, numInFlight: number): void {
    if (numVerified > 0) {
      this.#numProposed += numVerified;
      this.#numAccepted += numArrived - 1;
    }
    this.#pause = Math.max(this.#pause - numArrived, 0);
    if (this.#proposal.length > 0) this.#judge(this.#proposal[0] === ids[ids.length - numArrived]);
    const { proposer, numSpeculativeTokens } = this.#config;
    const found = this.#pause === 0 ? proposer.propose(ids, numInFlight + numSpeculativeTokens) : [];
    this.#proposal = found.length > numInFlight ? found : [];
  }

  /** Wrong proposals in a row make pauses of 0, 1, 3, 7, … tokens. */
  #judge(isRight: boolean): void {
    this.#numMisses = isRight ? 0 : Math.min(this.#numMisses + 1, MAX_MISSES);
    this.#pause = isRight ? 0 : 2 ** (this.#numMisses - 1) - 1;
  }
}

/**
 * Whether a token that these parameters draw depends on the logits, the seed and the position alone, and not on the draws
 * before it: only then can several be drawn at once.
 */
export function canSpeculate(sampling: SequenceSampling): boolean {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, numTopLogprobs } = sampling;
  const isPenalised = repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
  return !isPenalised && numTopLogprobs === undefined;
}
