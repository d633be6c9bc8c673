// What a job of quantising may be told, and what it tells: types alone.
import type { HubModelOptions } from '../hub/open-model.js';
import type { CalibrationText } from './calibration-text.js';

/** How to quantise a checkpoint; names follow LMDeploy's `lite`. */
export interface QuantizeModelOptions extends HubModelOptions {
  /** Default `awq`. `rtn` rounds to nearest on the same grid, without looking at activations. */
  readonly method?: 'awq' | 'gptq' | 'rtn';
  readonly calibration: CalibrationText;
  /** Default 4; 8 with `gptq` alone. */
  readonly wBits?: 4 | 8;
  /** Columns that share a scale: a multiple of 32 that divides all widths. Default 128. */
  readonly wGroupSize?: number;
  /** Symmetric grid: the zero point is always the middle code. Default false; with `gptq` true. */
  readonly wSym?: boolean;
  /** AWQ: try 20 ratios for every product and take what changes the block's output least. Default false. */
  readonly searchScale?: boolean;
  /** AWQ: try narrower ranges for every group, too. Default false. */
  readonly clip?: boolean;
  /** GPTQ: share of the Hessian's mean diagonal that is added to it. Default 0.01. */
  readonly damping?: number;
  /** GPTQ: version of the layout; `gptq` cannot store a zero point of 0, so that asymmetric grids take `gptq_v2`. */
  readonly checkpointFormat?: 'gptq' | 'gptq_v2';
  readonly onProgress?: (progress: QuantizeProgress) => void;
  readonly signal?: AbortSignal;
}

/** How far a job is. */
export interface QuantizeProgress {
  readonly phase: 'files' | 'layers' | 'write' | 'ready';
  /** Layers that are finished, and of how many. */
  readonly layer: number;
  readonly numLayers: number;
  /** Mean squared error of what comes out of the layer that was finished last; of none before, or when it was found. */
  readonly loss?: number;
  /** Time that the layers left will take, by those that are finished. */
  readonly etaMs?: number;
  readonly text: string;
}

/** What a job did. */
export interface QuantizeSummary {
  readonly numLayers: number;
  /** Layers that an earlier run had finished. */
  readonly numFound: number;
  /** Mean squared error of every layer's output, where it was quantised by this run. */
  readonly losses: readonly (number | undefined)[];
  /** Windows and their tokens. */
  readonly samples: number;
  readonly seqlen: number;
}
