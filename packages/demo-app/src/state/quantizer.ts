// One job of quantising: begun, followed, broken off, gone on with. What computes is a worker; that the GPU is free for it, and
// what is loaded afterwards, is the app's business.
import { type Signal, signal } from '@preact/signals';
import type { Measured, QuantizeJob, QuantizeNews, QuantizeStep } from '../quantize/messages.js';
import type { ModelChoice } from './catalog.js';
import { type Failure, failureOf } from './failure.js';
import type { OwnModel, OwnModels } from './own-models.js';

/**
 * Does a job elsewhere; gives the result as it was measured. When the signal fires it ends at once, with a rejection.
 * @throws PagemindError
 */
export type RunJob = (job: QuantizeJob, onNews: (news: QuantizeNews) => void, signal: AbortSignal) => Promise<Measured>;

/** What a job is about: the original, and what becomes of it. */
export interface Quantizing {
  readonly choice: ModelChoice;
  readonly own: OwnModel;
}

export type QuantizerState =
  | { readonly kind: 'idle' }
  | ({ readonly kind: 'running'; readonly step: QuantizeStep | undefined } & Quantizing)
  /** By a failure, or by the person. */
  | ({ readonly kind: 'stopped'; readonly failure: Failure | undefined } & Quantizing)
  | ({ readonly kind: 'finished' } & Quantizing);

export class Quantizer {
  readonly state: Signal<QuantizerState> = signal({ kind: 'idle' });
  readonly #runJob: RunJob;
  readonly #models: OwnModels;
  #controller: AbortController | undefined;

  constructor(runJob: RunJob, models: OwnModels) {
    this.#runJob = runJob;
    this.#models = models;
  }

  /**
   * Begins a job, or goes on with it; resolves when it has ended. The state says how; nothing is thrown.
   * @param prepare makes room for it, and gives the text
   */
  async run({ choice, own }: Quantizing, prepare: () => Promise<string>): Promise<void> {
    this.leave();
    const controller = new AbortController();
    this.#controller = controller;
    const { signal } = controller;
    let current: Quantizing = { choice, own };
    const show = (state: QuantizerState): void => {
      if (this.#controller === controller) this.state.value = state;
    };
    const note = async (change: Partial<OwnModel>): Promise<void> => {
      current = { choice, own: { ...current.own, ...change } };
      await this.#models.note(current.own);
    };
    show({ kind: 'running', ...current, step: undefined });
    try {
      const text = await prepare();
      const { id, recipe, before } = own;
      const { model, endpoint } = choice;
      const job = { id, recipe, text, model, ...(endpoint !== undefined && { endpoint }), ...(before && { before }) };
      await note({});
      const onNews = (news: QuantizeNews): void => {
        if ('before' in news) return void note(news);
        const { phase, done, total } = news.step;
        if (phase === 'layers' && done > current.own.layer) void note({ layer: done, numLayers: total });
        show({ kind: 'running', ...current, step: news.step });
      };
      await note({ after: await this.#runJob(job, onNews, signal) });
      show({ kind: 'finished', ...current });
    } catch (error) {
      show({ kind: 'stopped', ...current, failure: signal.aborted ? undefined : failureOf(error) });
    }
  }

  /** Breaks the job off; finished layers stay. */
  stop(): void {
    this.#controller?.abort();
  }

  /** Breaks it off, and puts away what is shown of it. */
  leave(): void {
    this.stop();
    this.#controller = undefined;
    this.state.value = { kind: 'idle' };
  }
}
