// The buffers of sampling as JavaScript sees them: sizes, the layout of SlotParams, token marks and ring entries.
// Twin of state.wgsl. Checking what users ask for does not belong here.
import { tiles } from '../kernel.js';

/** Bytes of a `SlotParams`. */
export const SLOT_PARAMS_BYTES = 128;
/** Bytes of a `SlotState`: token, flags, step, reserved; zeroes start a sequence. */
export const SLOT_STATE_BYTES = 16;
/** Stop ids that a slot has room for. */
export const MAX_STOP_IDS = 8;
/** Bit of `SlotState.flags`: the sequence has ended and its slot is left alone. */
export const STATE_DONE = 1;
/** Default entries of a slot's ring. */
export const DEFAULT_RING = 16;
/** Tokens per partial; `CHUNK` of state.wgsl. */
const CHUNK = 512;
const PARTIAL_BYTES = 16;
const PARAMS_HAVE_BANNED = 1;
const MARK_PROMPT = 0x80000000;
const MARK_BANNED = 0x40000000;
/** Temperatures below this overflow logits; they mean greedy. */
const MIN_TEMPERATURE = 1e-5;

/** The numbers that sampling kernels are planned for. */
export interface SampleShape {
  /** Rows that get a token. */
  readonly numSampled: number;
  /** Tokens of the vocabulary, of which logits and counts have an element each. */
  readonly vocab: number;
  /** Elements between rows of logits. */
  readonly logitsStride: number;
  /** Elements between slots of counts. */
  readonly vocabStride: number;
  /** Entries of a slot's ring, a power of two. */
  readonly ring: number;
}

/** How the tokens of a sequence are drawn; positions count from the start of the sequence. */
export interface SlotSampling {
  /** 0 is greedy. */
  readonly temperature: number;
  /** 0 is off. */
  readonly topK: number;
  /** 1 is off. */
  readonly topP: number;
  /** 0 is off. */
  readonly minP: number;
  /** 1 is off. */
  readonly repetitionPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** u32. */
  readonly seed: number;
  /** A token drawn at this position or later is the last: prompt length + maximal new tokens − 1. */
  readonly maxPosition: number;
  /** Stop ids are not drawn before this position: prompt length + minimal new tokens. */
  readonly minPosition: number;
  /** At most {@link MAX_STOP_IDS}. */
  readonly stopIds: readonly number[];
  /** Whether the slot's counts carry banned marks. */
  readonly hasBanned: boolean;
}

/** Number of partials of a row. */
export function numSampleChunks(vocab: number): number {
  return tiles(vocab, CHUNK);
}

/** Bytes of `partials`: scratch between the two dispatches, [maxSampled, numChunks]. */
export function samplePartialsBytes(maxSampled: number, vocab: number): number {
  return maxSampled * numSampleChunks(vocab) * PARTIAL_BYTES;
}

/** Bytes of `counts`, [numSlots, vocabStride]. */
export function sampleCountsBytes(numSlots: number, vocabStride: number): number {
  return numSlots * vocabStride * 4;
}

/** Bytes of `ring`, [numSlots, ring]. */
export function sampleRingBytes(numSlots: number, ring: number = DEFAULT_RING): number {
  return numSlots * ring * 4;
}

/** Bytes of `marks` for up to `maxMarks` tokens. */
export function tokenMarksBytes(maxMarks: number): number {
  return (1 + maxMarks) * 8;
}

/**
 * Writes one `SlotParams` at byte `offset`.
 * @throws RangeError for more than {@link MAX_STOP_IDS} stop ids.
 */
export function writeSlotParams(view: DataView, offset: number, sampling: SlotSampling): void {
  const { stopIds, temperature } = sampling;
  if (stopIds.length > MAX_STOP_IDS) throw new RangeError(`${stopIds.length} stop ids, room for ${MAX_STOP_IDS}`);
  const floats = [
    temperature < MIN_TEMPERATURE ? 0 : temperature,
    sampling.topP,
    sampling.minP,
    sampling.repetitionPenalty,
    sampling.presencePenalty,
    sampling.frequencyPenalty,
  ];
  const words = [
    sampling.topK,
    sampling.seed,
    sampling.maxPosition,
    sampling.minPosition,
    sampling.hasBanned ? PARAMS_HAVE_BANNED : 0,
    stopIds.length,
    ...stopIds,
  ];
  for (let at = 0; at < SLOT_PARAMS_BYTES; at += 4) view.setUint32(offset + at, 0, true);
  floats.forEach((value, index) => {
    view.setFloat32(offset + 4 * index, value, true);
  });
  words.forEach((value, index) => {
    view.setUint32(offset + 4 * (floats.length + index), value, true);
  });
}

/** Tokens that the counts of a slot shall know. */
export interface TokenMarks {
  readonly slot: number;
  readonly prompt: readonly number[];
  /** Ids generated earlier, of a sequence that is resumed; repeated ids count. */
  readonly generated: readonly number[];
  /** Ids that must never be drawn; they need {@link SlotSampling.hasBanned}. */
  readonly banned: readonly number[];
}

/** Number of marks of some slots: the shape of count-mark. */
export function numTokenMarks(slots: readonly TokenMarks[]): number {
  return slots.reduce(
    (sum, { prompt, generated, banned }) => sum + prompt.length + generated.length + banned.length,
    0,
  );
}

/** Writes the contents of `marks` (see count-mark.wgsl) for some slots from element 0 of `words`. */
export function writeTokenMarks(words: Uint32Array, slots: readonly TokenMarks[]): void {
  words[0] = numTokenMarks(slots);
  words[1] = 0;
  let at = 2;
  for (const { slot, prompt, generated, banned } of slots) {
    const write = (ids: readonly number[], bits: number): void => {
      for (const id of ids) {
        words[at++] = slot;
        words[at++] = id | bits;
      }
    };
    write(prompt, MARK_PROMPT);
    write(generated, 0);
    write(banned, MARK_BANNED);
  }
}

/** What a ring entry says. Position p of a slot is entry `slot * ring + p % ring`. */
export function readRingEntry(entry: number): { readonly token: number; readonly done: boolean } {
  return { token: entry & 0x7fffffff, done: entry >>> 31 === 1 };
}
