// What comes out of sampling: a slot's rings of drawn tokens and of their log probabilities, by position. Position p of a
// slot is entry `slot * ring + p % ring`.

/** Default entries of a slot's ring. */
export const DEFAULT_RING = 16;
/** Most tokens whose log probabilities stand beside the drawn one's. */
export const MAX_TOP_LOGPROBS = 20;
/** Bytes of an entry of `logprobs`; `ENTRY` of logprobs.wgsl. */
export const LOGPROBS_ENTRY_BYTES: number = logprobsBytes(MAX_TOP_LOGPROBS);

/** A token drawn, or one that might have been, and its log probability in the model's own distribution. */
export interface Logprob {
  readonly id: number;
  /** Before bias, penalties, masks, temperature and filters; −9999 at the least. */
  readonly logprob: number;
}

/** Log probability of a drawn token, and the most probable tokens in its place. */
export interface DrawnLogprobs extends Logprob {
  /** As many as the slot asks for, best first; ties have the lower id first. */
  readonly top: readonly Logprob[];
}

/** Bytes of `ring`, [numSlots, ring]. */
export function sampleRingBytes(numSlots: number, ring: number = DEFAULT_RING): number {
  return numSlots * ring * 4;
}

/** Bytes of `logprobs`, [numSlots, ring]. */
export function sampleLogprobsBytes(numSlots: number, ring: number = DEFAULT_RING): number {
  return numSlots * ring * LOGPROBS_ENTRY_BYTES;
}

/** Bytes at the start of an entry of `logprobs` that hold what a slot asks for. */
export function logprobsBytes(numTop: number): number {
  return (1 + 2 * numTop) * 4;
}

/** What an entry of `ring` says. */
export function readRingEntry(entry: number): { readonly token: number; readonly done: boolean } {
  return { token: entry & 0x7fffffff, done: entry >>> 31 === 1 };
}

/** What an entry of `logprobs` says, from element `at` of `words` on, of the drawn token `id`. */
export function readLogprobs(words: Uint32Array, at: number, id: number, numTop: number): DrawnLogprobs {
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const entry = (i: number): Logprob => ({ id: words[at + i - 1] ?? 0, logprob: floats[at + i] ?? 0 });
  const top = Array.from({ length: numTop }, (_, i) => entry(2 + 2 * i));
  return { id, logprob: floats[at] ?? 0, top };
}
