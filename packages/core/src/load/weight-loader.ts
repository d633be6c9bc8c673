// Loads the weights of a model: plans, then streams windows of the checkpoint onto the device. No tensor is ever whole in
// JavaScript. What goes where is decided in weight-plan.ts and, for packed checkpoints, in packed-plan.ts.
import type { WeightFormatOptions } from '@pagemind/quant';
import { throwIfAborted } from '../errors.js';
import type { GpuContext } from '../gpu/context.js';
import type { Checkpoint } from './checkpoint.js';
import { planPacked, planPackedWeight } from './packed-plan.js';
import { copyPlanes } from './plane-copier.js';
import { type HeldBytes, type RangeRead, readAhead } from './read-ahead.js';
import { WeightBuffers } from './weight-buffers.js';
import { WeightPacker } from './weight-packer.js';
import { bytesOf, type PlannedWeight, planWeight, planWeights, type WeightPlan } from './weight-plan.js';
import type { WeightPolicy, WeightSpec } from './weights.js';

/** A matrix on the device. */
export interface LoadedMatrix {
  readonly options: WeightFormatOptions;
  readonly numRows: number;
  readonly numCols: number;
  /** Buffers by the names of the format's bindings. */
  readonly planes: Readonly<Record<string, GPUBuffer>>;
}

/** A vector on the device: f32, zeros from `length` to the next multiple of 32. */
export interface LoadedVector {
  readonly buffer: GPUBuffer;
  readonly length: number;
}

/** The weights of a model on the device, by the names of their specs. */
export interface LoadedWeights {
  readonly matrices: ReadonlyMap<string, LoadedMatrix>;
  readonly vectors: ReadonlyMap<string, LoadedVector>;
  /** Bytes on the device. */
  readonly bytes: number;
  /** Most bytes of tensors that were in JavaScript's hands at one time. */
  readonly peakHeldBytes: number;
  /** Dispatches that packed them. */
  readonly numConversions: number;
  /** Frees the buffers. Safe to call twice. */
  destroy(): void;
}

export interface LoadOptions {
  /** Called before the first and after every read with the bytes read so far. */
  readonly onProgress?: (loadedBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
  /** Most bytes of one read; default 8 MiB. Packed checkpoints are read in their own chunks of at most that. */
  readonly windowBytes?: number;
  /** Tensors that the model does not use and that need no mention. */
  readonly ignored?: (tensor: string) => boolean;
}

/** Two are held, and some that are garbage: an engine of JavaScript collects buffers when some 64 MiB of them are. */
const DEFAULT_WINDOW_BYTES = 8 * 1024 * 1024;

/**
 * Loads `specs` from a checkpoint. When it fails or is aborted, nothing stays allocated and no read goes on.
 * @throws PagemindError what {@link planWeights} and {@link planPacked} throw, before anything is read or allocated;
 * `out_of_memory`, `gpu_error`, `device_lost`, `source_unreachable`, `file_malformed`, `aborted`.
 */
export async function loadWeights(
  gpu: GpuContext,
  checkpoint: Checkpoint,
  specs: readonly WeightSpec[],
  policy: WeightPolicy,
  options: LoadOptions = {},
): Promise<LoadedWeights> {
  const { windowBytes = DEFAULT_WINDOW_BYTES, ignored } = options;
  const maxBufferBytes = Math.min(gpu.profile.limits.maxStorageBufferBindingSize, gpu.profile.limits.maxBufferSize);
  const buffers = new WeightBuffers(gpu);
  if (checkpoint.packed) {
    const plan = planPacked(checkpoint, checkpoint.packed, specs, policy, maxBufferBytes);
    return stream(
      plan,
      buffers,
      { numDispatches: 0, upload: (read, bytes) => copyPlanes(buffers, read, bytes) },
      options,
    );
  }
  const plan = planWeights(checkpoint, specs, policy, {
    windowBytes: Math.min(windowBytes, maxBufferBytes),
    maxBufferBytes,
    ...(ignored && { ignored }),
  });
  return stream(plan, buffers, new WeightPacker(buffers, plan), options);
}

/** Bytes that the weights will take on the device; needs nothing but the headers of the files. */
export function weightBytes(specs: readonly WeightSpec[], checkpoint: Checkpoint, policy: WeightPolicy): number {
  const { packed } = checkpoint;
  const weights = specs.map((spec) =>
    packed ? planPackedWeight(checkpoint, packed, spec, policy) : planWeight(checkpoint, spec, policy),
  );
  return weights.reduce((sum, weight) => sum + bytesOf(weight), 0);
}

/** Brings reads onto the device. */
interface Uploader<Read> {
  /** Until now. */
  readonly numDispatches: number;
  prepare?(): Promise<void>;
  upload(read: Read, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  finish?(): void;
}

async function stream<Read extends RangeRead>(
  plan: WeightPlan<Read>,
  buffers: WeightBuffers,
  uploader: Uploader<Read>,
  { onProgress, signal }: LoadOptions,
): Promise<LoadedWeights> {
  const held: HeldBytes = { now: 0, peak: 0 };
  try {
    await buffers.prepare(plan.weights, signal);
    await uploader.prepare?.();
    let loadedBytes = 0;
    onProgress?.(0, plan.readBytes);
    for await (const [read, bytes] of readAhead(plan.reads, held, signal)) {
      await uploader.upload(read, bytes);
      throwIfAborted(signal);
      loadedBytes += read.length;
      onProgress?.(loadedBytes, plan.readBytes);
    }
    await buffers.settle();
    uploader.finish?.();
    throwIfAborted(signal);
  } catch (error) {
    buffers.release();
    throw error;
  }
  return {
    ...loadedOf(plan.weights, buffers),
    bytes: plan.deviceBytes,
    peakHeldBytes: held.peak,
    numConversions: uploader.numDispatches,
    destroy: () => buffers.release(),
  };
}

function loadedOf(
  weights: readonly PlannedWeight[],
  buffers: WeightBuffers,
): Pick<LoadedWeights, 'matrices' | 'vectors'> {
  const matrices = new Map<string, LoadedMatrix>();
  const vectors = new Map<string, LoadedVector>();
  for (const weight of weights) {
    const planes = buffers.of(weight);
    if (weight.options) {
      const { name, numRows, numCols } = weight.spec;
      matrices.set(name, { options: weight.options, numRows, numCols, planes });
    } else {
      const { name, length } = weight.spec;
      vectors.set(name, { buffer: planes['vector'] as GPUBuffer, length });
    }
  }
  return { matrices, vectors };
}
