// The buffers that steps work in: activations, step metadata and sampler state, allocated once for the largest step.
import {
  SLOT_PARAMS_BYTES,
  SLOT_STATE_BYTES,
  sampleCountsBytes,
  sampleKeysBytes,
  sampleLogprobsBytes,
  samplePartialsBytes,
  sampleRingBytes,
  tokenMarksBytes,
} from '@pagemind/kernels-wgsl';
import { bufferSize, type GpuContext } from '../gpu/context.js';
import { partialBytes } from '../layers/attention.js';
import { rowStride, type StepBuffers } from '../layers/context.js';
import { expertBytes } from '../layers/experts.js';
import { MAX_MATVEC_ROWS } from '../layers/linear.js';
import { RING_LENGTH, type SamplerBuffers } from '../layers/sampler.js';
import type { DecoderConfig } from '../models/decoder-config.js';
import { hasOwnTables } from '../models/rope.js';
import { maxResultBytes } from './step-results.js';

/** What the sizes depend on. */
export interface StepSizes {
  /** Most tokens of a step. */
  readonly maxRows: number;
  readonly maxBatchSize: number;
  readonly sessionLen: number;
  readonly pageSize: number;
}

export type RunnerBuffers = StepBuffers & SamplerBuffers;

/** Rows of logits that exist at once: all sequences, and a slice of a prompt when its logits are wanted. */
export function maxLogitRows(vocabSize: number, maxBatchSize: number): number {
  const fitting = Math.floor(2 ** 24 / (rowStride(vocabSize) * 4));
  return padRows(Math.max(maxBatchSize, Math.min(fitting, 64)));
}

/** Pages of the longest sequence. */
export function maxPagesOf({ sessionLen, pageSize }: StepSizes): number {
  return Math.ceil(sessionLen / pageSize);
}

/** Bytes of every buffer; the plan and the allocation agree by construction. */
export function bufferBytes(config: DecoderConfig, sizes: StepSizes): Readonly<Record<keyof RunnerBuffers, number>> {
  const { maxRows, maxBatchSize, sessionLen } = sizes;
  const { numHeads, numKvHeads, headDim, hiddenSize, intermediateSize, vocabSize, rope, localRope } = config;
  const rows = padRows(maxRows);
  const activation = (width: number): number => rows * rowStride(width) * 4;
  const maxSampled = Math.max(maxBatchSize, MAX_MATVEC_ROWS);
  const ropeRows = (1 + (hasOwnTables(rope) ? maxBatchSize : 0)) * sessionLen;
  return {
    rows: rows * 16,
    tiles: rows * 16,
    sampleRows: rows * 4,
    pageTable: maxBatchSize * maxPagesOf(sizes) * 4,
    slotState: maxBatchSize * SLOT_STATE_BYTES,
    rope: ropeRows * rope.dims * 4,
    localRope: localRope ? ropeRows * localRope.dims * 4 : 0,
    residual: activation(hiddenSize),
    normed: activation(hiddenSize),
    qkv: activation((numHeads + 2 * numKvHeads) * headDim),
    attention: activation(numHeads * headDim),
    partials: partialBytes(config, maxBatchSize, sessionLen),
    mlp: activation(Math.max(intermediateSize, config.experts?.sharedIntermediateSize ?? 0)),
    lowRank: config.lora ? activation(config.lora.rank) : 0,
    ...expertBytes(config.experts, hiddenSize, rows),
    logits: maxLogitRows(vocabSize, maxBatchSize) * rowStride(vocabSize) * 4,
    slotParams: maxBatchSize * SLOT_PARAMS_BYTES,
    counts: sampleCountsBytes(maxBatchSize, rowStride(vocabSize)),
    keys: sampleKeysBytes(maxSampled, rowStride(vocabSize)),
    ring: sampleRingBytes(maxBatchSize, RING_LENGTH),
    logprobs: sampleLogprobsBytes(maxBatchSize, RING_LENGTH),
    samplePartials: samplePartialsBytes(maxSampled, vocabSize),
    startedSlots: 4,
    tokenMarks: tokenMarksBytes(sessionLen),
  };
}

/** Results that may be under way at once. */
export const MAX_READBACKS = 8;

/** Bytes that steps take on the device, results under way included. */
export function activationBytes(config: DecoderConfig, sizes: StepSizes): number {
  const buffers = Object.values(bufferBytes(config, sizes)).reduce((sum, bytes) => sum + bufferSize(bytes), 0);
  return buffers + MAX_READBACKS * bufferSize(maxResultBytes(sizes.maxBatchSize));
}

/** Allocates all of them; on failure nothing stays. */
export async function allocateBuffers(
  gpu: GpuContext,
  config: DecoderConfig,
  sizes: StepSizes,
): Promise<RunnerBuffers> {
  const buffers: Record<string, GPUBuffer> = {};
  try {
    for (const [name, bytes] of Object.entries(bufferBytes(config, sizes))) {
      buffers[name] = await gpu.allocate(name, bytes);
    }
  } catch (error) {
    gpu.release(...Object.values(buffers));
    throw error;
  }
  return buffers as unknown as RunnerBuffers;
}

/** Tiled kernels write whole tiles of rows: there is always a spare tile. */
function padRows(numRows: number): number {
  return Math.ceil(numRows / 64) * 64 + 64;
}
