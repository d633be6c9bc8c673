// Loads the weights of a model: plans, then streams windows of the checkpoint through the packer. No tensor is ever whole
// in JavaScript. What goes where is decided in weight-plan.ts, what the GPU does is in weight-packer.ts.
import type { WeightFormatOptions } from '@pagemind/quant';
import { throwIfAborted } from '../errors.js';
import type { GpuContext } from '../gpu/context.js';
import type { Checkpoint } from './checkpoint.js';
import { type HeldBytes, readAhead } from './read-ahead.js';
import { WeightPacker } from './weight-packer.js';
import { planWeights, type WeightPlan } from './weight-plan.js';
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
  /** Frees the buffers. Safe to call twice. */
  destroy(): void;
}

export interface LoadOptions {
  /** Called before the first and after every read with the bytes read so far. */
  readonly onProgress?: (loadedBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
  /** Most bytes of one read; default 16 MiB. */
  readonly windowBytes?: number;
  /** Tensors that the model does not use and that need no mention. */
  readonly ignored?: (tensor: string) => boolean;
}

const DEFAULT_WINDOW_BYTES = 16 * 1024 * 1024;

/**
 * Loads `specs` from a checkpoint. When it fails or is aborted, nothing stays allocated and no read goes on.
 * @throws PagemindError what {@link planWeights} throws, before anything is read or allocated; `out_of_memory`, `gpu_error`,
 * `device_lost`, `source_unreachable`, `file_malformed`, `aborted`.
 */
export async function loadWeights(
  gpu: GpuContext,
  checkpoint: Checkpoint,
  specs: readonly WeightSpec[],
  policy: WeightPolicy,
  { onProgress, signal, windowBytes = DEFAULT_WINDOW_BYTES, ignored }: LoadOptions = {},
): Promise<LoadedWeights> {
  const maxBufferBytes = Math.min(gpu.profile.limits.maxStorageBufferBindingSize, gpu.profile.limits.maxBufferSize);
  const plan = planWeights(checkpoint, specs, policy, {
    windowBytes: Math.min(windowBytes, maxBufferBytes),
    maxBufferBytes,
    ...(ignored && { ignored }),
  });
  const packer = new WeightPacker(gpu, plan);
  const held: HeldBytes = { now: 0, peak: 0 };
  try {
    await packer.prepare(signal);
    let loadedBytes = 0;
    onProgress?.(0, plan.readBytes);
    for await (const [read, bytes] of readAhead(plan.reads, held, signal)) {
      await packer.pack(read, bytes);
      throwIfAborted(signal);
      loadedBytes += read.length;
      onProgress?.(loadedBytes, plan.readBytes);
    }
    await packer.finish();
    throwIfAborted(signal);
  } catch (error) {
    packer.release();
    throw error;
  }
  return {
    ...loadedOf(plan, packer),
    bytes: plan.deviceBytes,
    peakHeldBytes: held.peak,
    destroy: () => packer.release(),
  };
}

function loadedOf({ weights }: WeightPlan, packer: WeightPacker): Pick<LoadedWeights, 'matrices' | 'vectors'> {
  const matrices = new Map<string, LoadedMatrix>();
  const vectors = new Map<string, LoadedVector>();
  for (const weight of weights) {
    const buffers = packer.buffersOf(weight);
    if (weight.options) {
      const { name, numRows, numCols } = weight.spec;
      matrices.set(name, { options: weight.options, numRows, numCols, planes: buffers });
    } else {
      const { name, length } = weight.spec;
      vectors.set(name, { buffer: buffers['vector'] as GPUBuffer, length });
    }
  }
  return { matrices, vectors };
}
