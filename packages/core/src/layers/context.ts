// What a forward pass needs of one step: where the step's data lies and how to dispatch. Passed down explicitly; no
// layer keeps state between steps.
import type { DeviceProfile, KvType } from '@pagemind/kernels-wgsl';
import type { Dispatch } from '../gpu/recorder.js';
import type { LoadedMatrix } from '../load/weight-loader.js';

/** The part of a step that decides which dispatches it takes. */
export interface StepShape {
  /** Tokens of the step. */
  readonly numRows: number;
  /**
   * `decode`: every sequence has one token; the attention kernel rotates and appends. `verify`: some bring proposed tokens
   * beside; products are those of decode, attention that of prefill.
   */
  readonly path: 'decode' | 'verify' | 'prefill';
  /** Decode: parts that the longest sequence's keys are split into. */
  readonly numSplits: number;
  /** Otherwise: query tiles of the attention. */
  readonly numTiles: number;
  /** Rows that get logits. */
  readonly numSampled: number;
  /** Log probabilities of what is sampled are wanted, for one row at least. */
  readonly wantsLogprobs: boolean;
}

/** Buffers of a step that only models with experts use. Routes are those of some rows at a time. */
export interface ExpertBuffers {
  /** f32 `[numRows, numExperts (+ 1)]` */
  readonly routerLogits: GPUBuffer;
  /** Route structs in the order of rows, and by expert. */
  readonly routes: GPUBuffer;
  readonly sortedRoutes: GPUBuffer;
  /** u32 `[1]`: rows that have routes. */
  readonly routedRows: GPUBuffer;
  /** f32 `[numRows, numChosen + 1]` */
  readonly shares: GPUBuffer;
  /** u32 `[numRows, numChosen]`: where sorted routes are. */
  readonly places: GPUBuffer;
  /** f32 `[numRoutes, intermediate]` */
  readonly expertHidden: GPUBuffer;
  /** f32 `[numRoutes, hidden]` */
  readonly expertOutputs: GPUBuffer;
  /** f32 `[numRows, hidden]` */
  readonly sharedOutputs: GPUBuffer;
}

/** Buffers of a step. Rows of activations are padded to a multiple of 32 elements with zeros. */
export interface StepBuffers extends ExpertBuffers {
  /** Row structs, `[numRows]`. */
  readonly rows: GPUBuffer;
  /** Query tiles of a prefill, `[numTiles]`. */
  readonly tiles: GPUBuffer;
  /** Rows that get logits, u32 `[numSampled]`. */
  readonly sampleRows: GPUBuffer;
  /** Page ids, u32 `[numSlots, maxPages]`. */
  readonly pageTable: GPUBuffer;
  /** SlotState structs, `[numSlots]`. */
  readonly slotState: GPUBuffer;
  /** (cos, sin), f32 `[numRopeRows, dims / 2, 2]`. */
  readonly rope: GPUBuffer;
  /** The same for layers with a rotary embedding of their own. */
  readonly localRope: GPUBuffer;
  /** f32 `[numRows, hidden]`: the residual stream. */
  readonly residual: GPUBuffer;
  /** f32 `[numRows, hidden]`: the normed residual, where it is not fused. */
  readonly normed: GPUBuffer;
  /** f32 `[numRows, (numHeads + 2 numKvHeads) * headDim]` */
  readonly qkv: GPUBuffer;
  /** f32 `[numRows, numHeads * headDim]` */
  readonly attention: GPUBuffer;
  /** Partial results of split decode attention. */
  readonly partials: GPUBuffer;
  /** f32 `[numRows, intermediate]` */
  readonly mlp: GPUBuffer;
  /** f32 `[numRows, rank]`, for decoders with adapters. */
  readonly lowRank: GPUBuffer;
  /** f32 `[numSampled, vocab]` */
  readonly logits: GPUBuffer;
}

/** Where dispatches go, and what the device can do: all that a layer needs that is not about a step. */
export interface KernelContext {
  readonly profile: DeviceProfile;
  readonly dispatch: Dispatch;
}

export interface ForwardContext extends KernelContext {
  readonly shape: StepShape;
  /** Bits of a row must not depend on the rows beside it, nor on how many there are. */
  readonly isInvariant: boolean;
  readonly buffers: StepBuffers;
  /** One buffer of pages per layer. */
  readonly kv: readonly GPUBuffer[];
  /** How K and V are stored. */
  readonly kvDtype: KvType;
  /** Tokens per page. */
  readonly pageSize: number;
  /** Entries of a slot's row of the page table. */
  readonly maxPages: number;
  /** Sees the rows that go into every product of a prefill, before it: calibration dispatches its statistics here. */
  readonly observe?: (matrix: LoadedMatrix, x: GPUBuffer) => void;
}

/** Elements between two rows of width `width`. */
export function rowStride(width: number): number {
  return Math.ceil(width / 32) * 32;
}
