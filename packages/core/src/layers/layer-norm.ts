// LayerNorm of rows: of a step (norm.ts), or outside of one, as vision towers have them.
import { layernorm } from '@pagemind/kernels-wgsl';
import type { LoadedVector } from '../load/weight-loader.js';
import { type KernelContext, rowStride } from './context.js';

export interface LayerNormWeight {
  readonly gamma: LoadedVector;
  readonly beta: LoadedVector | undefined;
  readonly epsilon: number;
}

/** What a LayerNorm is taken of. */
export interface LayerNormUse {
  readonly x: GPUBuffer;
  readonly y: GPUBuffer;
  readonly numRows: number;
  readonly activation?: 'gelu' | undefined;
}

/** y = LayerNorm(x), perhaps activated; both `[numRows, width]` f32 in buffers of their own. */
export function layerNorm(
  { profile, dispatch }: KernelContext,
  { gamma, beta, epsilon }: LayerNormWeight,
  { x, y, numRows, activation }: LayerNormUse,
): void {
  const width = gamma.length;
  const hasBias = beta !== undefined;
  const plan = layernorm.plan({ numRows, width, stride: rowStride(width), epsilon, hasBias, activation }, profile);
  dispatch(plan, { x, gamma: gamma.buffer, ...(beta && { beta: beta.buffer }), y });
}
