// RMSNorm as a dispatch of its own: before the products of prefill, and behind products in families that norm there.
import { rmsnorm } from '@pagemind/kernels-wgsl';
import type { LoadedVector } from '../load/weight-loader.js';
import { type ForwardContext, type KernelContext, rowStride } from './context.js';

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
  rmsNorm(ctx, weight, { ...use, numRows: ctx.shape.numRows });
}

/** y += norm(x). */
export function addNormed(ctx: ForwardContext, weight: NormWeight, use: NormUse): void {
  rmsNorm(ctx, weight, { ...use, numRows: ctx.shape.numRows, adds: true });
}

/** y = norm(x) of rows that lie outside of a step, as vision towers have them. */
export function rmsNorm(
  { profile, dispatch }: KernelContext,
  { gamma, epsilon }: NormWeight,
  { x, y, numRows, adds = false }: NormUse & { readonly numRows: number; readonly adds?: boolean },
): void {
  const width = gamma.length;
  const plan = rmsnorm.plan({ numRows, width, stride: rowStride(width), epsilon, adds }, profile);
  dispatch(plan, { x, gamma: gamma.buffer, y });
}
