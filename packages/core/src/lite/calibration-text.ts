// Calibration data out of one text: windows of tokens at random places, the same ones for the same text.
import { PagemindError } from '../errors.js';

/** What a model is calibrated on. */
export interface CalibrationText {
  readonly text: string;
  /** Windows. Default 128. */
  readonly samples?: number;
  /** Tokens of a window. Default 2048; at most what the model was trained for. */
  readonly seqlen?: number;
  /** Windows at once. Default 1. */
  readonly batchSize?: number;
}

/** Windows of `seqlen` of the ids, in batches. */
export function calibrationBatches(
  ids: readonly number[],
  numSamples: number,
  seqlen: number,
  batchSize: number,
): readonly (readonly (readonly number[])[])[] {
  if (ids.length <= seqlen) {
    throw new PagemindError('invalid_option', `The calibration text has ${ids.length} tokens, a window ${seqlen}.`, {
      hint: 'Give a longer text, or a smaller seqlen.',
    });
  }
  const random = seeded(0);
  const samples = Array.from({ length: numSamples }, () => {
    const start = Math.floor(random() * (ids.length - seqlen));
    return ids.slice(start, start + seqlen);
  });
  const numBatches = Math.ceil(numSamples / batchSize);
  return Array.from({ length: numBatches }, (_, i) => samples.slice(i * batchSize, (i + 1) * batchSize));
}

/** Mulberry32: numbers in [0, 1). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
