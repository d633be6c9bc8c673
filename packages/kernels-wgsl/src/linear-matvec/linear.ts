// What linear-matvec and linear-matmul share: how a linear product is described, and the parts of a variant that follow
// from its weights and its epilogue. How either kernel spreads the work does not belong here.
import { type WeightFormatOptions, type WgslModule, weightSlot } from '@pagemind/quant';
import { type Binding, foldGrid, tiles, type Variant, type Workgroups } from '../kernel.js';
import clip from '../lib/activation-clip.wgsl';
import gelu from '../lib/activation-gelu.wgsl';
import geluTanh from '../lib/activation-gelu-tanh.wgsl';
import identity from '../lib/activation-identity.wgsl';
import quickGelu from '../lib/activation-quick-gelu.wgsl';
import scaleRows from '../lib/activation-scale-rows.wgsl';
import silu from '../lib/activation-silu.wgsl';
import softcap from '../lib/activation-softcap.wgsl';
import gated from './epilogue-gated.wgsl';
import rows from './epilogue-rows.wgsl';
import allTokens from './tokens-all.wgsl';
import listedTokens from './tokens-listed.wgsl';
import routedTokens from './tokens-routed.wgsl';

/**
 * What happens to the sums of a product W x:
 * - `store`: y = W x (+ bias);
 * - `add`: y += W x (+ bias), the residual;
 * - `gelu`, `gelu_tanh`, `quick_gelu`, `silu`: y = activation(W x (+ bias)), GELU by erf, by tanh, or as
 *   x · sigmoid(1.702 x);
 * - `scale_rows`: y = row_scale · (W x (+ bias)), an f32 factor for each weight row;
 * - `add_scaled`: y += row_scale · (W x (+ bias)), a residual with layer scale;
 * - `clip`: y = W x (+ bias), clipped to -clip .. clip;
 * - `softcap`: y = softcap · tanh(W x (+ bias) / softcap);
 * - `silu_mul`, `gelu_mul`, `gelu_tanh_mul`: y = activation(gate) · up. Weight rows, and biases with them, come interleaved
 *   4 + 4: rows 8j..8j+3 are the gates of outputs 4j..4j+3, rows 8j+4..8j+7 their ups; `8 * ceil(numOutputs / 4)` rows in
 *   all, padded with zeros;
 * - `silu_mul_add`: y = silu(gate) · (up + y), of rows that come in the same way.
 */
export type Epilogue =
  | 'store'
  | 'add'
  | 'gelu'
  | 'gelu_tanh'
  | 'quick_gelu'
  | 'silu'
  | 'scale_rows'
  | 'clip'
  | 'add_scaled'
  | 'softcap'
  | 'silu_mul'
  | 'gelu_mul'
  | 'gelu_tanh_mul'
  | 'silu_mul_add';

/** How sums end: the module that writes them, and what it applies first. */
interface Ending {
  readonly epilogue: WgslModule;
  readonly activation: WgslModule;
}

const endings: Readonly<Record<Epilogue, Ending>> = {
  store: { epilogue: rows, activation: identity },
  add: { epilogue: rows, activation: identity },
  gelu: { epilogue: rows, activation: gelu },
  gelu_tanh: { epilogue: rows, activation: geluTanh },
  quick_gelu: { epilogue: rows, activation: quickGelu },
  silu: { epilogue: rows, activation: silu },
  scale_rows: { epilogue: rows, activation: scaleRows },
  clip: { epilogue: rows, activation: clip },
  add_scaled: { epilogue: rows, activation: scaleRows },
  softcap: { epilogue: rows, activation: softcap },
  silu_mul: { epilogue: gated, activation: silu },
  gelu_mul: { epilogue: gated, activation: gelu },
  gelu_tanh_mul: { epilogue: gated, activation: geluTanh },
  silu_mul_add: { epilogue: gated, activation: silu },
};

/** Whether an epilogue takes two weight rows, gate and up, for an output. */
export function isGated(epilogue: Epilogue): boolean {
  return endings[epilogue].epilogue === gated;
}

/** W is a stack of experts' matrices, and `routes` (see moe-sort) give each token one of them. */
export interface ExpertUse {
  /** The expert whose matrix is the first of the stack, and how many there are. Tokens of others are left out. */
  readonly first: number;
  readonly count: number;
  /** Tokens in a row, from multiples of this number on, that have the same expert; 1 for any. */
  readonly tile: number;
  /** x has a row for each token of the step, which routes name; else one for each route. */
  readonly readsTokens: boolean;
}

/** The choices of a linear product that change shader text. */
export interface LinearUse {
  readonly weights: WeightFormatOptions;
  readonly epilogue: Epilogue;
  /** Adds `bias` f32, one per weight row. */
  readonly hasBias: boolean;
  /** Token t reads row `row_ids[t]` of x instead of row t. Ids of padded tokens must name rows that exist. */
  readonly hasRowIds: boolean;
  /** Not with `hasRowIds` or `hasBias`; `numOutputs` counts those of one expert. */
  readonly experts?: ExpertUse | undefined;
}

/** A linear product: y `[numTokens, yStride]` from x `[numRows, xStride]`, both f32, and W `[weight rows, numInputs]`. */
export interface LinearShape extends LinearUse {
  /** Rows of y to compute. Buffers must have room for the next multiple of 64: kernels may fill padded rows. */
  readonly numTokens: number;
  /** Columns of W: elements of a row of x that count. Not padded. */
  readonly numInputs: number;
  /** Elements of a row of y that are written. Half of the weight rows for a gated epilogue. Not padded. */
  readonly numOutputs: number;
  /** Elements between rows of x: a multiple of 32, at least `numInputs`; zero beyond `numInputs`. */
  readonly xStride: number;
  /** Elements between rows of y. */
  readonly yStride: number;
  /** Of the epilogue `softcap`; outputs stay between `-softcap` and `softcap`. */
  readonly softcap?: number | undefined;
  /** Of the epilogue `clip`. */
  readonly clip?: number | undefined;
  /** Outputs, their biases and their factors go behind so many of a row; 0 by default. Not for gated epilogues. */
  readonly yStart?: number;
}

/** Bindings that both kernels have beside the planes of the weights (0-2) and the matvec's gamma (4). */
export const linearBindings: readonly Binding[] = [
  { name: 'x', index: 3, access: 'read' },
  { name: 'bias', index: 5, access: 'read', flag: 'bias' },
  { name: 'y', index: 7, access: 'read_write' },
];

const rowScale: Binding = { name: 'row_scale', index: 8, access: 'read' };

/** What the slot `tokens` can be filled with. */
const tokenChoices: Readonly<Record<'all' | 'listed' | 'routed', { wgsl: WgslModule; bindings: readonly Binding[] }>> =
  {
    all: { wgsl: allTokens, bindings: [] },
    listed: { wgsl: listedTokens, bindings: [{ name: 'row_ids', index: 6, access: 'read' }] },
    routed: { wgsl: routedTokens, bindings: [{ name: 'routes', index: 6, access: 'read' }] },
  };

/** Pairs of row-blocks, one invocation each, of a workgroup of serial.wgsl. */
export const SERIAL_PAIRS: number = 8;

/** Number of row-blocks of four weight rows. */
export function numWeightBlocks({ epilogue, numOutputs }: LinearShape): number {
  return (isGated(epilogue) ? 2 : 1) * Math.ceil(numOutputs / 4);
}

/** Grid of workgroups that own `numPairs` pairs of row-blocks each, for `numColumns` tokens at a time. */
export function pairGrid(shape: LinearShape, numPairs: number, numColumns: number): Workgroups {
  const pairs = tiles(numWeightBlocks(shape), 2);
  return [...foldGrid(tiles(pairs, numPairs)), tiles(shape.numTokens, numColumns)];
}

/** Values of the overrides that both kernels, every epilogue and every weight format declare. */
export function linearConstants(shape: LinearShape): Readonly<Record<string, number>> {
  return {
    COLS: shape.numInputs,
    NUM_GROUPS: Math.ceil(shape.numInputs / 32),
    X_STRIDE: shape.xStride,
    OUTPUTS: shape.numOutputs,
    Y_STRIDE: shape.yStride,
    ...(!isGated(shape.epilogue) && { Y_START: shape.yStart ?? 0 }),
    NUM_BLOCKS: numWeightBlocks(shape),
    ...(shape.epilogue === 'clip' && { CLIP: shape.clip ?? 1 }),
    ...(shape.epilogue === 'softcap' && { SOFTCAP: shape.softcap ?? 1 }),
    ...(shape.experts && {
      FIRST_EXPERT: shape.experts.first,
      NUM_EXPERTS: shape.experts.count,
      READS_TOKENS: shape.experts.readsTokens ? 1 : 0,
    }),
  };
}

/** A variant but for the kernel's own knobs and flags. `id` names weights, epilogue and inputs: `int4-g64-add-bias`. */
export function linearParts(use: LinearUse): Required<Omit<Variant, 'requires'>> {
  const { weights, epilogue, hasBias, hasRowIds, experts } = use;
  const { id, knobs, flags, wgsl, slotBindings } = weightSlot(weights);
  const chosen = experts ? 'routed' : hasRowIds ? 'listed' : 'all';
  const tokens = tokenChoices[chosen];
  return {
    id: [id, epilogue, ...(hasBias ? ['bias'] : []), ...(chosen === 'all' ? [] : [chosen])].join('-'),
    knobs,
    flags: {
      ...flags,
      bias: hasBias,
      add: epilogue === 'add' || epilogue === 'add_scaled' || epilogue === 'silu_mul_add',
    },
    slots: { weights: wgsl, tokens: tokens.wgsl, ...endings[epilogue] },
    slotBindings: [
      ...slotBindings,
      ...tokens.bindings,
      ...(endings[epilogue].activation === scaleRows ? [rowScale] : []),
    ],
  };
}
