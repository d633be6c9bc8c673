// Sampling on the GPU: one token for every sampled row, in two dispatches, and what a slot must hold before.
import {
  countClear,
  countMark,
  DEFAULT_RING,
  type SampleShape,
  SLOT_PARAMS_BYTES,
  SLOT_STATE_BYTES,
  samplePrepare,
  sampleSelect,
  type TokenMarks,
  tokenMarksBytes,
  writeSlotParams,
  writeTokenMarks,
} from '@pagemind/kernels-wgsl';
import type { GpuContext } from '../gpu/context.js';
import type { Dispatch } from '../gpu/recorder.js';
import type { SamplingParams } from '../sampling/params.js';
import { type ForwardContext, rowStride } from './context.js';

/** Sampled ids that a slot keeps; at least as many as steps of a submission. */
export const RING_LENGTH: number = DEFAULT_RING;

/** Buffers of the sampler, beside those that the forward pass sees. */
export interface SamplerBuffers {
  /** SlotParams structs, `[numSlots]`. */
  readonly slotParams: GPUBuffer;
  /** SlotState structs, `[numSlots]`. */
  readonly slotState: GPUBuffer;
  /** Occurrences per token, u32 `[numSlots, vocab]`. */
  readonly counts: GPUBuffer;
  /** Sampled ids by position, u32 `[numSlots, RING_LENGTH]`. */
  readonly ring: GPUBuffer;
  /** Scratch between the two dispatches. */
  readonly samplePartials: GPUBuffer;
  /** The slot whose counts are cleared, u32 `[1]`. */
  readonly startedSlots: GPUBuffer;
  /** Ids to count for a slot. */
  readonly tokenMarks: GPUBuffer;
}

/** What the sampler must know of a sequence that takes a slot. */
export interface SlotStart {
  readonly slot: number;
  readonly params: SamplingParams;
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
  const { slotParams, slotState, counts, samplePartials, ring } = buffers;
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
  };
  ctx.dispatch(samplePrepare.plan(shape, ctx.profile), bound);
  ctx.dispatch(sampleSelect.plan(shape, ctx.profile), { ...bound, ring });
}

/** Prepares a slot for a sequence, in order with the steps around it. */
export function startSlot(gpu: GpuContext, buffers: SamplerBuffers, vocabSize: number, start: SlotStart): void {
  const { slot, params, promptIds, generatedIds, stopIds } = start;
  const words = new DataView(new ArrayBuffer(SLOT_PARAMS_BYTES));
  writeSlotParams(words, 0, {
    ...params,
    maxPosition: start.maxLength - 1,
    minPosition: start.minLength,
    stopIds,
    hasBanned: false,
  });
  gpu.queue.writeBuffer(buffers.slotParams, slot * SLOT_PARAMS_BYTES, words.buffer);
  gpu.queue.writeBuffer(buffers.slotState, slot * SLOT_STATE_BYTES, new Uint32Array(SLOT_STATE_BYTES / 4));
  if (!isPenalised(params)) return;

  const marks: TokenMarks = { slot, prompt: promptIds, generated: generatedIds, banned: [] };
  const numMarks = promptIds.length + generatedIds.length;
  const markWords = new Uint32Array(tokenMarksBytes(numMarks) / 4);
  writeTokenMarks(markWords, [marks]);
  gpu.queue.writeBuffer(buffers.startedSlots, 0, new Uint32Array([slot]));
  gpu.queue.writeBuffer(buffers.tokenMarks, 0, markWords);
  const launches: ReturnType<GpuContext['launch']>[] = [];
  countTokens((plan, bound) => launches.push(gpu.launch(plan, bound)), gpu, buffers, vocabSize, numMarks);
  gpu.submit(launches);
}

/** Clears a slot's counts and enters `numMarks` ids; the dispatches of {@link startSlot}. */
export function countTokens(
  dispatch: Dispatch,
  { profile }: Pick<GpuContext, 'profile'>,
  { startedSlots, tokenMarks, counts }: SamplerBuffers,
  vocabSize: number,
  numMarks: number,
): void {
  const vocabStride = rowStride(vocabSize);
  dispatch(countClear.plan({ numStarted: 1, vocabStride }, profile), { started_slots: startedSlots, counts });
  const mark = countMark.plan({ maxMarks: numMarks, vocab: vocabSize, vocabStride }, profile);
  dispatch(mark, { marks: tokenMarks, counts });
}

/** Without penalties nobody reads the counts of a slot. */
function isPenalised({ repetitionPenalty, presencePenalty, frequencyPenalty }: SamplingParams): boolean {
  return repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
}
