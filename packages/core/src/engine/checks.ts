// Checks of what a caller gives that several parts of a request share. Which fields there are is request.ts's business.
import { PagemindError } from '../errors.js';
import type { RunnerLimits } from '../runner/runner.js';

/** @throws PagemindError `invalid_request` unless `value` is a whole number from `least` to `most`. */
export function checkCount(name: string, value: number, least: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    const end = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`;
    throw invalid(`${name} is ${String(value)}.`, `Give a whole number from ${least}${end}.`);
  }
}

/** @throws PagemindError `invalid_request` naming an id that the model does not have. */
export function checkIds(name: string, ids: readonly number[], { vocabSize }: RunnerLimits): void {
  const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (wrong !== undefined) {
    throw invalid(`${name} holds the token id ${String(wrong)}.`, `Ids of this model go from 0 to ${vocabSize - 1}.`);
  }
}

/** A mistake of the caller. */
export function invalid(message: string, hint?: string): PagemindError {
  return new PagemindError('invalid_request', message, hint === undefined ? {} : { hint });
}
