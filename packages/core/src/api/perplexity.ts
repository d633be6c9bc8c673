// How well a model predicts given tokens: cross-entropies of sequences, and the perplexity of a long text, window by window.
// What a token's log probability is, the engine knows.
import type { EngineCore } from '../engine/core.js';
import { PagemindError } from '../errors.js';
import { invalid } from './fields.js';

/** What of a text counts. */
export interface PerplexityOptions {
  /** Tokens of a window, with what the model puts before a text. Default: 2048, or the session's length if that is less. */
  readonly windowLen?: number;
  /** New tokens of each window; the others were counted before, and are there to be looked at. Default: all are new. */
  readonly stride?: number;
  /** Default: the whole text. */
  readonly maxWindows?: number;
  /** Called after every window. */
  readonly onProgress?: (progress: { readonly numWindows: number; readonly totalWindows: number }) => void;
  readonly signal?: AbortSignal;
}

/** The perplexity of a text. */
export interface PerplexityResult {
  /** The exponential of `loss`. */
  readonly perplexity: number;
  /** Mean negative log probability of a token. */
  readonly loss: number;
  /** Tokens that counted. */
  readonly numTokens: number;
  readonly numWindows: number;
}

/**
 * The perplexity of a text: its tokens in windows, each behind what the model puts before a text (BOS).
 * @throws PagemindError `invalid_request` when the text is too short; `aborted`, …
 */
export async function measurePerplexity(
  engine: EngineCore,
  text: string,
  options: PerplexityOptions = {},
): Promise<PerplexityResult> {
  const { windowLen = Math.min(2048, engine.info.sessionLen), maxWindows, onProgress, signal } = options;
  const ids = await engine.encode(text, { addSpecialTokens: false });
  const before = await engine.encode('', { addSpecialTokens: true });
  const size = windowLen - before.length;
  const { stride = size } = options;
  if (!(Number.isInteger(stride) && stride >= 1 && stride <= size && size >= 2)) {
    throw invalid(`The stride is ${stride}, a window holds ${size} tokens of the text.`, 'Give a stride of 1 to that.');
  }
  const windows = windowsOf(ids, before, size, stride).slice(0, maxWindows);
  if (windows.length === 0) throw invalid('The text has fewer than two tokens.', 'Give a longer text.');
  let numWindows = 0;
  const sums = await inLanes(engine, windows, async ({ tokens, numNew }) => {
    const logprobs = await engine.logprobs(tokens, signal ? { signal } : {});
    numWindows += 1;
    onProgress?.({ numWindows, totalWindows: windows.length });
    return logprobs.slice(-numNew).reduce((sum, logprob) => sum - logprob, 0);
  });
  const numTokens = windows.reduce((sum, { numNew }) => sum + numNew, 0);
  const loss = sums.reduce((a, b) => a + b, 0) / numTokens;
  return { perplexity: Math.exp(loss), loss, numTokens, numWindows: windows.length };
}

/**
 * The mean negative log probability of the tokens of each sequence but its first, in LMDeploy's manner (`get_ppl`); a
 * sequence that is longer than a session is cut into parts of that length.
 */
export function crossEntropies(
  engine: EngineCore,
  sequences: readonly (readonly number[])[],
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  return inLanes(engine, sequences, async (ids) => {
    if (ids.length < 2) throw invalid(`A sequence has ${ids.length} ids.`, 'Give two at least.');
    let [sum, count] = [0, 0];
    for (const { tokens, numNew } of windowsOf(ids, [], engine.info.sessionLen, engine.info.sessionLen - 1)) {
      const logprobs = await engine.logprobs(tokens, signal ? { signal } : {});
      for (const logprob of logprobs.slice(-numNew)) sum -= logprob;
      count += numNew;
    }
    return sum / count;
  });
}

/** Tokens to run, the last `numNew` of which count. */
interface Window {
  readonly tokens: readonly number[];
  readonly numNew: number;
}

function windowsOf(ids: readonly number[], before: readonly number[], size: number, stride: number): Window[] {
  const windows: Window[] = [];
  // The very first token counts only behind another one.
  let counted = before.length > 0 ? 0 : 1;
  for (let start = 0; counted < ids.length; start += stride) {
    const end = Math.min(start + size, ids.length);
    const tokens = [...before, ...ids.slice(start, end)];
    const numNew = Math.min(end - counted, tokens.length - 1);
    windows.push({ tokens, numNew });
    counted = end;
  }
  return windows;
}

/** As many at a time as the engine runs at once, in order; the first failure counts. */
async function inLanes<T, R>(
  engine: EngineCore,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  let failure: unknown;
  const lane = async (): Promise<void> => {
    for (const [i, item] of waiting) {
      if (failure !== undefined) return;
      try {
        results[i] = await work(item);
      } catch (error) {
        failure ??= error ?? new PagemindError('internal', 'A window failed.');
      }
    }
  };
  await Promise.all(Array.from({ length: engine.info.maxBatchSize }, lane));
  if (failure !== undefined) throw failure;
  return results;
}
