// Norms as dispatches of their own: before the products of prefill, LayerNorm before those of decode, too, and behind
// products in families that norm there.
import { rmsnorm } from '@pagemind/kernels-wgsl';
import { invariant } from '../errors.js';
import { type ForwardContext, type KernelContext, rowStride } from './context.js';
import { type LayerNormWeight, layerNorm } from './layer-norm.js';

export interface NormWeight extends LayerNormWeight {
  readonly type: 'rms_norm' | 'layer_norm';
}

/** Buffers of their own, both `[numRows, width]` f32. */
export interface NormUse {
  readonly x: GPUBuffer;
  readonly y: GPUBuffer;
}

/** y = norm(x). */
export function norm(ctx: ForwardContext, weight: NormWeight, use: NormUse): void {
  normRows(ctx, weight, { ...use, numRows: ctx.shape.numRows });
}

/** y += norm(x). */
export function addNormed(ctx: ForwardContext, weight: NormWeight, use: NormUse): void {
  invariant(weight.type === 'rms_norm', 'no family has a LayerNorm behind a product');
  rmsNorm(ctx, weight, { ...use, numRows: ctx.shape.numRows, adds: true });
}

/** y = norm(x) of rows that may lie outside of a step, as vision towers have them. */
export function normRows(ctx: KernelContext, weight: NormWeight, use: NormUse & { readonly numRows: number }): void {
  if (weight.type === 'layer_norm') layerNorm(ctx, weight, use);
  else rmsNorm(ctx, weight, use);
}

function rmsNorm(
  { profile, dispatch }: KernelContext,
  { gamma, epsilon }: NormWeight,
  { x, y, numRows, adds = false }: NormUse & { readonly numRows: number; readonly adds?: boolean },
): void {
  const width = gamma.length;
  const plan = rmsnorm.plan({ numRows, width, stride: rowStride(width), epsilon, adds }, profile);
  dispatch(plan, { x, gamma: gamma.buffer, y });
}
