// What the page tells the worker that quantises, and what it hears from it: plain data. Nothing is done here.
import type { ConnectOptions } from '@pagemind/core/client';
import type { Failure } from '../state/failure.js';
import type { Recipe } from '../state/recipe.js';

/** Name of the worker's thread, by which its script knows what to do. */
export const QUANTIZE_THREAD = 'pagemind-quantize';

/** A model as it was measured. */
export interface Measured {
  readonly perplexity: number;
  /** On the device. */
  readonly weightBytes: number;
}

export interface QuantizeJob {
  readonly model: ConnectOptions['model'];
  readonly endpoint?: string;
  /** Of the model that is made. */
  readonly id: string;
  readonly recipe: Recipe;
  readonly text: string;
  /** Missing: the original is still to be measured. */
  readonly before?: Measured;
}

/** How far a job is. */
export interface QuantizeStep {
  readonly phase: 'before' | 'layers' | 'write' | 'after';
  /** Of the windows that are measured, or of the layers. */
  readonly done: number;
  readonly total: number;
  /** Mean squared error of the layer that was finished last. */
  readonly loss?: number;
  readonly secondsLeft?: number;
}

/** What comes of a job while it goes on. */
export type QuantizeNews = { readonly step: QuantizeStep } | { readonly before: Measured };

/** All that a worker says: news, and how it ended. */
export type QuantizeMessage = QuantizeNews | { readonly after: Measured } | { readonly failure: Failure };
