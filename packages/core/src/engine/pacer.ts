// Chooses how many decode steps a submission runs: few enough that text flows and a page can paint between submissions,
// many enough that submitting and reading back cost little. It only measures; what may run in a row others know.
import type { StepPlan } from '../runner/runner.js';

/** What a submission of decode steps should last, in milliseconds. */
const TARGET_MS = 16;
/** Weight of the newest measurement: browsers time coarsely, and submissions complete in bursts. */
const NEWEST_WEIGHT = 0.2;

export class StepPacer {
  readonly #maxSteps: number;
  #stepMs: number | undefined;
  /** When the GPU had finished the last submission. */
  #busyUntil = 0;

  constructor(maxSteps: number) {
    this.#maxSteps = maxSteps;
  }

  /** Decode steps of the next submission; 1 until something was measured. */
  get numSteps(): number {
    if (this.#stepMs === undefined) return 1;
    return Math.min(Math.max(Math.floor(TARGET_MS / this.#stepMs), 1), this.#maxSteps);
  }

  /** A submission was done: the GPU turned to it when it was there and the one before was done. */
  observe({ sequences, numSteps }: StepPlan, submittedAt: number, doneAt: number): void {
    const stepMs = (doneAt - Math.max(submittedAt, this.#busyUntil)) / numSteps;
    this.#busyUntil = doneAt;
    if (sequences.some(({ tokens }) => tokens.length > 0)) return;
    this.#stepMs = this.#stepMs === undefined ? stepMs : this.#stepMs + NEWEST_WEIGHT * (stepMs - this.#stepMs);
  }
}
