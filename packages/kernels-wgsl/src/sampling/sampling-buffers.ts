// The buffers of sampling as JavaScript sees them: sizes, and the layout of SlotParams. Twin of state.wgsl; token marks and
// what comes out are in token-marks.ts and ring.ts. Checking what users ask for does not belong here.
import { tiles } from '../kernel.js';

/** Tokens that a slot's bias has room for. */
export const MAX_BIASES = 300;
/** Bytes of a `SlotParams`. */
export const SLOT_PARAMS_BYTES: number = 88 + MAX_BIASES * 8;
/** Bytes of a `SlotState`: token, flags, step, verifies; zeroes start a sequence. */
export const SLOT_STATE_BYTES = 16;
/** Byte of a `SlotState` at which a word says that the slot's draws go to the ring alone. */
export const SLOT_VERIFIES_OFFSET = 12;
/** Stop ids that a slot has room for. */
export const MAX_STOP_IDS = 8;
/** Bits of `SlotState.flags`: the sequence has ended and its slot is left alone, */
export const STATE_DONE = 1;
/** and the latest step found it so. */
export const STATE_OVER = 2;
/** Tokens per partial; `CHUNK` of state.wgsl. */
const CHUNK = 512;
const PARTIAL_BYTES = 24;
const PARAMS_HAVE_BANNED = 1;
/** Temperatures below this overflow logits; they mean greedy. */
const MIN_TEMPERATURE = 1e-5;

/** The numbers that sampling kernels are planned for. */
export interface SampleShape {
  /** Rows that get a token. */
  readonly numSampled: number;
  /** Tokens of the vocabulary, of which logits and counts have an element each. */
  readonly vocab: number;
  /** Elements between rows of logits and of keys. */
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
  /** What is added to a token's logit before all else, by id; at most {@link MAX_BIASES}. The counts must carry their marks. */
  readonly biases: ReadonlyMap<number, number>;
  /** Log probabilities of the drawn token and of this many best ones; missing: of none. */
  readonly numTopLogprobs?: number | undefined;
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

/** Bytes of `keys`, what the draw looks at in place of logits, [maxSampled, logitsStride]. */
export function sampleKeysBytes(maxSampled: number, logitsStride: number): number {
  return maxSampled * logitsStride * 4;
}

/**
 * Writes one `SlotParams` at byte `offset`.
 * @throws RangeError for more than {@link MAX_STOP_IDS} stop ids or {@link MAX_BIASES} biases.
 */
export function writeSlotParams(view: DataView, offset: number, sampling: SlotSampling): void {
  const { stopIds, temperature, biases, numTopLogprobs } = sampling;
  if (stopIds.length > MAX_STOP_IDS) throw new RangeError(`${stopIds.length} stop ids, room for ${MAX_STOP_IDS}`);
  if (biases.size > MAX_BIASES) throw new RangeError(`${biases.size} biases, room for ${MAX_BIASES}`);
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
    ...Array.from({ length: MAX_STOP_IDS }, (_, i) => stopIds[i] ?? 0),
    numTopLogprobs === undefined ? 0 : 1 + numTopLogprobs,
    biases.size,
  ];
  for (let at = 0; at < SLOT_PARAMS_BYTES; at += 4) view.setUint32(offset + at, 0, true);
  floats.forEach((value, index) => {
    view.setFloat32(offset + 4 * index, value, true);
  });
  words.forEach((value, index) => {
    view.setUint32(offset + 4 * (floats.length + index), value, true);
  });
  const firstBias = offset + 4 * (floats.length + words.length);
  [...biases]
    .sort(([a], [b]) => a - b)
    .forEach(([id, value], index) => {
      view.setUint32(firstBias + 8 * index, id, true);
      view.setFloat32(firstBias + 8 * index + 4, value, true);
    });
}
