// An MLP of experts: the router chooses some for every row, each of them is a gated MLP, their outputs are mixed into the
// residual. Which expert a row goes to never leaves the GPU. How the products spread their work is in kernels-wgsl.
import {
  type Epilogue,
  type LinearMatvecShape,
  linearMatmul,
  linearMatvec,
  maxExpertTiles,
  moeMix,
  moeRoute,
  moeSort,
} from '@pagemind/kernels-wgsl';
import type { LoadedMatrix } from '../load/weight-loader.js';
import { type ExpertBuffers, type ForwardContext, rowStride } from './context.js';
import { type LinearWeight, linear, usesMatvec } from './linear.js';
import { type NormWeight, norm as normRows } from './norm.js';

/** The numbers of a layer of experts. */
export interface ExpertsConfig {
  /** `num_experts`, `num_local_experts`, `n_routed_experts` */
  readonly numExperts: number;
  /** `num_experts_per_tok` */
  readonly numChosen: number;
  /** `moe_intermediate_size` */
  readonly intermediateSize: number;
  /** `norm_topk_prob`: shares are those of a softmax over the chosen experts, instead of all */
  readonly isNormalized: boolean;
  /** `shared_expert_intermediate_size`, `n_shared_experts`: of the expert that every row goes through; 0 for none */
  readonly sharedIntermediateSize: number;
  /** `shared_expert_gate`: the shared expert's output counts the sigmoid of a logit of its own */
  readonly hasSharedGate: boolean;
}

/** Matrices of some experts, one behind the other. */
export interface ExpertStack {
  readonly matrix: LoadedMatrix;
  readonly firstExpert: number;
  readonly numExperts: number;
}

/** Weights of a layer of experts. Stacks hold all experts, in as many buffers as a device needs. */
export interface ExpertsWeights {
  /** Logits of the experts, and of the shared expert's gate. */
  readonly router: LinearWeight;
  readonly gateUp: readonly ExpertStack[];
  readonly down: readonly ExpertStack[];
  readonly shared: { readonly gateUp: LinearWeight; readonly down: LinearWeight } | undefined;
}

/** Rows that are routed at a time: more would need more room than their products are worth. */
export const MAX_ROUTED_ROWS = 512;

/** Tokens of an expert that share a reading of its weights where bits must not depend on how many there are. */
const INVARIANT_TILE = 8;

/** Tokens of a tile of an expert: small ones where large ones would be mostly empty. */
function tileOf({ numExperts, numChosen }: ExpertsConfig, numRows: number): number {
  return numRows * numChosen >= 64 * numExperts ? 64 : 32;
}

/** Routes that room is needed for, with those that fill up tiles. */
function numPlaces(config: ExpertsConfig, numRows: number, tile: number): number {
  return maxExpertTiles({ ...config, tile }, numRows) * tile;
}

/** Bytes of the buffers; all zero for a model without experts. `numRows` is padded. */
export function expertBytes(
  config: ExpertsConfig | undefined,
  hiddenSize: number,
  numRows: number,
): Readonly<Record<keyof ExpertBuffers, number>> {
  const routed = config ? Math.min(numRows, MAX_ROUTED_ROWS) : 0;
  const rows = config ? numRows : 0;
  const { numExperts = 0, numChosen = 0, intermediateSize = 0, sharedIntermediateSize = 0 } = config ?? {};
  // Small tiles have more places to fill up, large ones may have more routes.
  const tiles = config ? [INVARIANT_TILE, 32, tileOf(config, routed)] : [];
  const places = Math.max(0, ...tiles.map((tile) => (config ? numPlaces(config, routed, tile) : 0)));
  return {
    routerLogits: rows * rowStride(numExperts + 1) * 4,
    routes: routed * numChosen * 8,
    sortedRoutes: places * 8,
    routedRows: config ? 4 : 0,
    shares: routed * (numChosen + 1) * 4,
    places: routed * numChosen * 4,
    expertHidden: places * rowStride(intermediateSize) * 4,
    expertOutputs: places * rowStride(hiddenSize) * 4,
    sharedOutputs: sharedIntermediateSize > 0 ? rows * rowStride(hiddenSize) * 4 : 0,
  };
}

/** residual += what the experts make of norm(residual). */
export function experts(
  ctx: ForwardContext,
  config: ExpertsConfig,
  weights: ExpertsWeights,
  epilogue: Epilogue,
  norm: NormWeight | undefined,
): void {
  const { residual, normed, mlp, routerLogits, sharedOutputs } = ctx.buffers;
  const isFused = !norm || (usesMatvec(ctx) && norm.type === 'rms_norm');
  if (!isFused) normRows(ctx, norm, { x: residual, y: normed });
  const input: ExpertInput = isFused ? { x: residual, norm } : { x: normed, norm: undefined };
  linear(ctx, weights.router, { ...input, y: routerLogits });
  if (weights.shared) {
    linear(ctx, weights.shared.gateUp, { ...input, y: mlp, epilogue });
    linear(ctx, weights.shared.down, { x: mlp, y: sharedOutputs });
  }
  for (let firstRow = 0; firstRow < ctx.shape.numRows; firstRow += MAX_ROUTED_ROWS) {
    const numRows = Math.min(ctx.shape.numRows - firstRow, MAX_ROUTED_ROWS);
    routedRows(ctx, config, weights, { ...input, firstRow, numRows, epilogue });
  }
}

/** What goes into the layer; the norm, if there is one, is part of the products. */
interface ExpertInput {
  readonly x: GPUBuffer;
  readonly norm: NormWeight | undefined;
}

interface RoutedRows extends ExpertInput {
  readonly firstRow: number;
  readonly numRows: number;
  readonly epilogue: Epilogue;
}

/** The layer for some rows: few are routed as they come, many are sorted by expert. */
function routedRows(
  ctx: ForwardContext,
  config: ExpertsConfig,
  { router, gateUp, down, shared }: ExpertsWeights,
  { x, norm, firstRow, numRows, epilogue }: RoutedRows,
): void {
  const { profile, buffers, dispatch, isInvariant } = ctx;
  const { residual, expertHidden, expertOutputs, places, shares } = buffers;
  const { numChosen, hasSharedGate, isNormalized, intermediateSize } = config;
  const hiddenSize = router.matrix.numCols;
  const common = { numRows, firstRow, numChosen };
  const logits = { numExperts: config.numExperts, stride: rowStride(router.matrix.numRows) };
  dispatch(moeRoute.plan({ ...common, ...logits, isNormalized, hasSharedGate }, profile), {
    logits: buffers.routerLogits,
    routes: buffers.routes,
    shares,
    routed_rows: buffers.routedRows,
  });
  const isSorted = isInvariant || !usesMatvec(ctx);
  const tile = isInvariant ? INVARIANT_TILE : isSorted ? tileOf(config, numRows) : 1;
  if (isSorted) {
    dispatch(moeSort.plan({ ...config, tile }, profile), {
      routes: buffers.routes,
      routed_rows: buffers.routedRows,
      sorted: buffers.sortedRoutes,
      places,
    });
  }
  const use = {
    routes: isSorted ? buffers.sortedRoutes : buffers.routes,
    numTokens: isSorted ? numPlaces(config, numRows, tile) : numRows * numChosen,
    tile,
  };
  const inner = { ...use, x: expertHidden, y: expertOutputs, norm: undefined, numOutputs: hiddenSize };
  stackProduct(ctx, gateUp, {
    ...use,
    x,
    y: expertHidden,
    norm,
    numOutputs: intermediateSize,
    epilogue,
    readsTokens: true,
  });
  stackProduct(ctx, down, { ...inner, epilogue: 'store', readsTokens: false });
  const mix = { ...common, stride: rowStride(hiddenSize), isSorted, hasShared: shared !== undefined };
  dispatch(moeMix.plan(mix, profile), {
    outputs: expertOutputs,
    shares,
    residual,
    ...(isSorted && { places }),
    ...(shared && { shared_outputs: buffers.sharedOutputs }),
  });
}

interface StackUse extends ExpertInput {
  readonly y: GPUBuffer;
  readonly routes: GPUBuffer;
  readonly numTokens: number;
  readonly tile: number;
  readonly numOutputs: number;
  readonly epilogue: Epilogue;
  readonly readsTokens: boolean;
}

/** One product for every buffer that experts are in; each leaves out tokens whose experts are in another. */
function stackProduct(ctx: ForwardContext, stacks: readonly ExpertStack[], use: StackUse): void {
  const { profile, dispatch } = ctx;
  const { x, y, norm, routes, numTokens, tile, numOutputs, epilogue, readsTokens } = use;
  for (const { matrix, firstExpert, numExperts } of stacks) {
    const product: LinearMatvecShape = {
      ...{ weights: matrix.options, epilogue, hasBias: false, hasRowIds: false, numTokens, numOutputs },
      ...{ numInputs: matrix.numCols, xStride: rowStride(matrix.numCols), yStride: rowStride(numOutputs) },
      ...{ hasNorm: norm !== undefined, epsilon: norm?.epsilon ?? 0 },
      experts: { first: firstExpert, count: numExperts, tile, readsTokens },
    };
    const kernel = usesMatvec(ctx) ? linearMatvec : linearMatmul;
    dispatch(kernel.plan(product, profile), {
      ...matrix.planes,
      ...{ x, y, routes },
      ...(norm && { gamma: norm.gamma.buffer }),
    });
  }
}
