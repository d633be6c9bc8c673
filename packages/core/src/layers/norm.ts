// RMSNorm as a dispatch of its own: before the products of prefill, and behind products in families that norm there.
import { rmsnorm } from '@pagemind/kernels-wgsl';
import type { LoadedVector } from '../load/weight-loader.js';
import { type ForwardContext, rowStride } from './context.js';

export interface NormWeight {
  readonly gamma: LoadedVector;
  readonly epsilon: number;
}

/** Buffers of their own, both `[numRows, width]` f32. */
export interface NormUse {
  readonly x: GPUBuffer;
  readonly y: GPUBuffer;
}

/** y = norm(x). */
export function norm(ctx: ForwardContext, weight: NormWeight, use: NormUse): void {
  dispatchNorm(ctx, weight, use, false);
}

/** y += norm(x). */
export function addNormed(ctx: ForwardContext, weight: NormWeight, use: NormUse): void {
  dispatchNorm(ctx, weight, use, true);
}

function dispatchNorm(
  { profile, shape, dispatch }: ForwardContext,
  { gamma, epsilon }: NormWeight,
  { x, y }: NormUse,
  adds: boolean,
): void {
  const width = gamma.length;
  const plan = rmsnorm.plan({ numRows: shape.numRows, width, stride: rowStride(width), epsilon, adds }, profile);
  dispatch(plan, { x, gamma: gamma.buffer, y });
}
