// Norms as dispatches of their own: before the products of prefill, LayerNorm before those of decode, too, and behind
// products in families that norm there.
import { rmsnorm } from '@pagemind/kernels-wgsl';
import { invariant } from '../errors.js';
import { type ForwardContext, rowStride } from './context.js';
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
  if (weight.type === 'layer_norm') layerNorm(ctx, weight, { ...use, numRows: ctx.shape.numRows });
  else rmsNorm(ctx, weight, use, false);
}

/** y += norm(x). */
export function addNormed(ctx: ForwardContext, weight: NormWeight, use: NormUse): void {
  invariant(weight.type === 'rms_norm', 'no family has a LayerNorm behind a product');
  rmsNorm(ctx, weight, use, true);
}

function rmsNorm(
  { profile, shape, dispatch }: ForwardContext,
  { gamma, epsilon }: NormWeight,
  { x, y }: NormUse,
  adds: boolean,
): void {
  const width = gamma.length;
  const plan = rmsnorm.plan({ numRows: shape.numRows, width, stride: rowStride(width), epsilon, adds }, profile);
  dispatch(plan, { x, gamma: gamma.buffer, y });
}
