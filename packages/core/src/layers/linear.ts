// A linear layer: which kernel a product takes, with the norm before it and what happens to its result. How a kernel
// spreads the work is in kernels-wgsl.
import { type Epilogue, isGated, linearMatmul, linearMatvec } from '@pagemind/kernels-wgsl';
import type { BoundBuffers } from '../gpu/context.js';
import type { LoadedMatrix, LoadedVector } from '../load/weight-loader.js';
import { type ForwardContext, type KernelContext, rowStride } from './context.js';
import { type NormWeight, norm as normRows } from './norm.js';

export interface LinearWeight {
  readonly matrix: LoadedMatrix;
  readonly bias: LoadedVector | undefined;
}

/** A product whose outputs are some of a row's: the first of them, and the matrix that makes them. */
export interface LinearPart {
  readonly weight: LinearWeight;
  readonly start: number;
}

/** What a product reads and writes. */
export interface LinearUse {
  /** `[numRows, numCols]` f32. */
  readonly x: GPUBuffer;
  /** `[numRows, outputs]` f32. */
  readonly y: GPUBuffer;
  /** Norm of x before the product. */
  readonly norm?: NormWeight | undefined;
  /** `store` by default; `add` to y; `silu_mul` of interleaved gate and up rows. */
  readonly epilogue?: Epilogue;
  /** Of the epilogue `softcap`. */
  readonly softcap?: number;
  /** Of the epilogue `clip`. */
  readonly clip?: number;
  /** Of the epilogues `scale_rows` and `add_scaled`. */
  readonly rowScale?: LoadedVector;
  /** `sampled`: only the rows that get logits, in their order. */
  readonly rows?: 'all' | 'sampled';
}

/** Up to here the matrix-vector kernel reads the weights once for all rows; above, the tiled product is faster. */
export const MAX_MATVEC_ROWS = 8;

/**
 * Whether the products of a step are matrix-vector ones, with the norm before them fused in. Short chunks of a prompt take
 * the tiled product: a prompt then needs one set of pipelines, whatever its length.
 */
export function usesMatvec({ isInvariant, shape }: ForwardContext, isSampled = false): boolean {
  const numTokens = isSampled ? shape.numSampled : shape.numRows;
  return isInvariant || (numTokens <= MAX_MATVEC_ROWS && (isSampled || shape.path !== 'prefill'));
}

/** y = epilogue(W norm(x) + bias). */
export function linear(ctx: ForwardContext, weight: LinearWeight, use: LinearUse): void {
  const norm = normBefore(ctx, use);
  productOf(ctx, weight, { ...use, ...norm });
}

/**
 * The same with a W whose rows are those of several matrices: queries, keys and values, or what one buffer cannot hold.
 * Biases and factors are those of all rows. Not for gated epilogues.
 */
export function linearOfParts(ctx: ForwardContext, parts: readonly LinearPart[], use: LinearUse): void {
  const norm = normBefore(ctx, use);
  const width = parts.reduce((sum, { weight }) => sum + weight.matrix.numRows, 0);
  for (const { weight, start } of parts) productOf(ctx, weight, { ...use, ...norm, part: { start, width } });
}

/** Two products of low rank, B (A x): what an adapter (LoRA) adds to a product. */
export interface LowRankWeight {
  readonly a: LinearWeight;
  readonly b: LinearWeight;
}

/** y = epilogue(B (A norm(x))), or a part of its rows. */
export function lowRank(
  ctx: ForwardContext,
  { a, b }: LowRankWeight,
  { x, norm, part, ...use }: LinearUse & { readonly part?: OutputPart },
): void {
  const { lowRank: between } = ctx.buffers;
  linear(ctx, a, { x, y: between, norm });
  productOf(ctx, b, { ...use, x: between, ...(part && { part }) });
}

/** Norms x, if the product does not do that itself: what the product is left with. */
function normBefore(ctx: ForwardContext, { x, norm, rows }: LinearUse): Pick<LinearUse, 'x' | 'norm'> {
  if (!norm || (usesMatvec(ctx, rows === 'sampled') && norm.type === 'rms_norm')) return { x, norm };
  const { normed } = ctx.buffers;
  normRows(ctx, norm, { x, y: normed });
  return { x: normed, norm: undefined };
}

/** Outputs that are a part of y's rows of `width` elements, from `start` on. Biases and factors are those of all. */
export interface OutputPart {
  readonly start: number;
  readonly width: number;
}

/** What {@link productOf} reads and writes; a norm is fused into the product. */
interface ProductUse extends LinearUse {
  readonly part?: OutputPart;
}

function productOf(ctx: ForwardContext, weight: LinearWeight, use: ProductUse): void {
  const { profile, shape, isInvariant, buffers, dispatch } = ctx;
  const { x, y, norm, epilogue = 'store', softcap, clip, rowScale, rows = 'all', part } = use;
  const isSampled = rows === 'sampled';
  const numTokens = isSampled ? shape.numSampled : shape.numRows;
  // Where all rows are sampled, as on decode, the list says nothing, and reading by it costs.
  const isListed = isSampled && shape.numSampled < shape.numRows;
  const product = {
    ...productShape(weight, epilogue, numTokens, isListed),
    softcap,
    clip,
    ...(part && placeOf(part)),
  };
  const bound = {
    ...boundWeight(weight),
    row_ids: buffers.sampleRows,
    x,
    y,
    ...(rowScale && { row_scale: rowScale.buffer }),
  };
  if (usesMatvec(ctx, isSampled)) {
    const matvec = { ...product, hasNorm: norm !== undefined, epsilon: norm?.epsilon ?? 0, isInvariant };
    dispatch(linearMatvec.plan(matvec, profile), { ...bound, ...(norm && { gamma: norm.gamma.buffer }) });
    return;
  }
  ctx.observe?.(weight.matrix, x);
  dispatch(linearMatmul.plan(product, profile), bound);
}

/** What {@link matmul} reads and writes. */
export interface MatmulUse {
  /** `[numRows, numCols]` f32. */
  readonly x: GPUBuffer;
  /** `[numRows, outputs]` f32. */
  readonly y: GPUBuffer;
  readonly numRows: number;
  readonly epilogue?: Epilogue;
  /** Of the epilogues `scale_rows` and `add_scaled`. */
  readonly rowScale?: LoadedVector | undefined;
  readonly part?: OutputPart | undefined;
}

/** y = epilogue(W x + bias) outside of a step's rows: for the vision towers, whose rows are always many. */
export function matmul(
  { profile, dispatch }: KernelContext,
  weight: LinearWeight,
  { x, y, numRows, epilogue = 'store', rowScale, part }: MatmulUse,
): void {
  const shape = { ...productShape(weight, epilogue, numRows, false), ...(part && placeOf(part)) };
  const plan = linearMatmul.plan(shape, profile);
  dispatch(plan, { ...boundWeight(weight), x, y, ...(rowScale && { row_scale: rowScale.buffer }) });
}

function productShape({ matrix, bias }: LinearWeight, epilogue: Epilogue, numTokens: number, hasRowIds: boolean) {
  const numOutputs = isGated(epilogue) ? matrix.numRows / 2 : matrix.numRows;
  return {
    weights: matrix.options,
    epilogue,
    hasBias: bias !== undefined,
    hasRowIds,
    numTokens,
    numInputs: matrix.numCols,
    numOutputs,
    xStride: rowStride(matrix.numCols),
    yStride: rowStride(numOutputs),
  };
}

function placeOf({ start, width }: OutputPart) {
  return { yStart: start, yStride: rowStride(width) };
}

function boundWeight({ matrix, bias }: LinearWeight): BoundBuffers {
  return { ...matrix.planes, ...(bias && { bias: bias.buffer }) };
}
