// Sampling on the GPU: one token for every sampled row, in two dispatches and a third where log probabilities are wanted;
// and what a slot must hold before.
import {
  countClear,
  countMark,
  DEFAULT_RING,
  type DeviceProfile,
  fillTokenMarks,
  logprobs,
  type SampleShape,
  SLOT_PARAMS_BYTES,
  SLOT_STATE_BYTES,
  SLOT_VERIFIES_OFFSET,
  samplePrepare,
  sampleSelect,
  writeSlotParams,
} from '@pagemind/kernels-wgsl';
import type { GpuContext } from '../gpu/context.js';
import type { Dispatch } from '../gpu/recorder.js';
import type { SequenceSampling } from '../sampling/params.js';
import { type ForwardContext, rowStride } from './context.js';

/** Sampled ids that a slot keeps; at least as many as steps of a submission. */
export const RING_LENGTH: number = DEFAULT_RING;

/** Most steps of a submission. */
export const MAX_STEPS_PER_SUBMIT = 8;

/** Buffers of the sampler, beside those that the forward pass sees. */
export interface SamplerBuffers {
  /** SlotParams structs, `[numSlots]`. */
  readonly slotParams: GPUBuffer;
  /** SlotState structs, `[numSlots]`. */
  readonly slotState: GPUBuffer;
  /** Occurrences per token, u32 `[numSlots, vocab]`. */
  readonly counts: GPUBuffer;
  /** What filtered draws look at in place of logits, f32 `[numSampled, vocab]`. */
  readonly keys: GPUBuffer;
  /** Sampled ids by position, u32 `[numSlots, RING_LENGTH]`. */
  readonly ring: GPUBuffer;
  /** Their log probabilities, where wanted, `[numSlots, RING_LENGTH]`. */
  readonly logprobs: GPUBuffer;
  /** Scratch between the dispatches. */
  readonly samplePartials: GPUBuffer;
  /** The slot whose counts are cleared, u32 `[1]`. */
  readonly startedSlots: GPUBuffer;
  /** Ids to count for a slot, as many as there is room for at a time. */
  readonly tokenMarks: GPUBuffer;
}

/** What the sampler must know of a sequence that takes a slot. */
export interface SlotStart {
  readonly slot: number;
  readonly params: SequenceSampling;
  /** Ids known at the start; they count for the repetition penalty. */
  readonly promptIds: readonly number[];
  /** Ids generated earlier (a preempted sequence comes back); they count for all penalties. */
  readonly generatedIds: readonly number[];
  /** The sequence is done when it holds this many tokens. */
  readonly maxLength: number;
  /** Before the sequence holds this many tokens the stop ids are masked. */
  readonly minLength: number;
  /** At most 8 ids that end the sequence on the GPU; empty with `ignore_eos`. */
  readonly stopIds: readonly number[];
}

/** Draws a token for every sampled row; the rows move on by one position. */
export function sample(ctx: ForwardContext, buffers: SamplerBuffers, vocabSize: number): void {
  const { rows, sampleRows, logits } = ctx.buffers;
  const { slotParams, slotState, counts, samplePartials, keys, ring } = buffers;
  const shape: SampleShape = {
    numSampled: ctx.shape.numSampled,
    vocab: vocabSize,
    logitsStride: rowStride(vocabSize),
    vocabStride: rowStride(vocabSize),
    ring: RING_LENGTH,
  };
  const bound = {
    logits,
    sample_rows: sampleRows,
    rows,
    slot_params: slotParams,
    slot_state: slotState,
    counts,
    partials: samplePartials,
    keys,
  };
  ctx.dispatch(samplePrepare.plan(shape, ctx.profile), bound);
  ctx.dispatch(sampleSelect.plan(shape, ctx.profile), { ...bound, ring });
  if (!ctx.shape.wantsLogprobs) return;
  ctx.dispatch(logprobs.plan(shape, ctx.profile), { ...bound, logprobs: buffers.logprobs });
}

/** Prepares a slot for a sequence, in order with the steps around it. */
export function startSlot(gpu: GpuContext, buffers: SamplerBuffers, vocabSize: number, start: SlotStart): void {
  const { slot, params, promptIds, generatedIds, stopIds } = start;
  const { bannedIds = [], logitBias = new Map<number, number>() } = params;
  const words = new DataView(new ArrayBuffer(SLOT_PARAMS_BYTES));
  writeSlotParams(words, 0, {
    ...params,
    maxPosition: start.maxLength - 1,
    minPosition: start.minLength,
    stopIds,
    hasBanned: bannedIds.length > 0,
    biases: logitBias,
  });
  gpu.queue.writeBuffer(buffers.slotParams, slot * SLOT_PARAMS_BYTES, words.buffer);
  gpu.queue.writeBuffer(buffers.slotState, slot * SLOT_STATE_BYTES, new Uint32Array(SLOT_STATE_BYTES / 4));
  if (!readsCounts(params)) return;

  const { profile } = gpu;
  gpu.queue.writeBuffer(buffers.startedSlots, 0, new Uint32Array([slot]));
  dispatchNow(gpu, (dispatch) => clearCounts(dispatch, profile, buffers, vocabSize));
  const marks = { slot, prompt: promptIds, generated: generatedIds, banned: bannedIds, biased: [...logitBias.keys()] };
  for (const { words, numMarks } of fillTokenMarks([marks], buffers.tokenMarks.size)) {
    gpu.queue.writeBuffer(buffers.tokenMarks, 0, words);
    dispatchNow(gpu, (dispatch) => markTokens(dispatch, profile, buffers, vocabSize, numMarks));
  }
}

/** Tells whether the steps from now on bring proposals of the slot's sequence: their draws then change nothing but the ring. */
export function setVerifying(gpu: GpuContext, { slotState }: SamplerBuffers, slot: number, verifies: boolean): void {
  const offset = slot * SLOT_STATE_BYTES + SLOT_VERIFIES_OFFSET;
  gpu.queue.writeBuffer(slotState, offset, new Uint32Array([verifies ? 1 : 0]));
}

/** Zeroes the counts of the slot in `startedSlots`. */
export function clearCounts(
  dispatch: Dispatch,
  profile: DeviceProfile,
  { startedSlots, counts }: SamplerBuffers,
  vocabSize: number,
): void {
  const plan = countClear.plan({ numStarted: 1, vocabStride: rowStride(vocabSize) }, profile);
  dispatch(plan, { started_slots: startedSlots, counts });
}

/** Enters `numMarks` ids into the counts. */
export function markTokens(
  dispatch: Dispatch,
  profile: DeviceProfile,
  { tokenMarks, counts }: SamplerBuffers,
  vocabSize: number,
  numMarks: number,
): void {
  const shape = { maxMarks: numMarks, vocab: vocabSize, vocabStride: rowStride(vocabSize) };
  dispatch(countMark.plan(shape, profile), { marks: tokenMarks, counts });
}

function dispatchNow(gpu: GpuContext, record: (dispatch: Dispatch) => void): void {
  const launches: ReturnType<GpuContext['launch']>[] = [];
  record((plan, bound) => launches.push(gpu.launch(plan, bound)));
  gpu.submit(launches);
}

/** Whether anything in these parameters makes the sampler look at the counts of a slot. */
function readsCounts(params: SequenceSampling): boolean {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, bannedIds, logitBias } = params;
  const isPenalised = repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
  return isPenalised || bannedIds !== undefined || logitBias !== undefined;
}
