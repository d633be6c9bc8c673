// The linear product of decoding: up to eight activation rows per read of the weights, the RMSNorm before it fused in.
// Any number of rows works, eight at a time; past two readings linear-matmul is faster.
import { declaredWeightOptions, type WeightFormatOptions, weightSlot } from '@pagemind/quant';
import { type DeviceProfile, defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import lanes from './lanes.wgsl';
import {
  type LinearShape,
  type LinearUse,
  linearBindings,
  linearConstants,
  linearParts,
  numWeightBlocks,
  pairGrid,
  SERIAL_PAIRS,
} from './linear.js';
import source from './linear-matvec.wgsl';
import serial from './serial.wgsl';
import serialSubgroup from './serial-subgroup.wgsl';

/** The choices of a product that change shader text. */
export interface LinearMatvecUse extends LinearUse {
  /** y = epilogue(W (x / rms(x) · gamma)): the norm before the product. Gamma is `[xStride]` f32, zero beyond `numInputs`. */
  readonly hasNorm: boolean;
}

/** A linear product for few tokens. */
export interface LinearMatvecShape extends LinearMatvecUse, LinearShape {
  /** Added to the mean square before the root. Ignored without `hasNorm`. */
  readonly epsilon: number;
  /**
   * One text for every number of tokens. The order of a sum never depends on them, but a compiler may contract products and
   * sums in one text and not in another.
   */
  readonly isInvariant?: boolean;
}

/**
 * How the work is spread: over lanes that share weight rows, with or without subgroups, in f32 or with products in f16
 * (formats that have a `halfWgsl`); or rows to an invocation (CPUs), with or without subgroups.
 */
export type MatvecTier = 'portable' | 'subgroup' | 'f16' | 'f16-subgroup' | 'serial' | 'serial-subgroup';

/** A text of the kernel: what it computes, for how many activation rows, on which tier. */
export interface LinearMatvecChoice extends LinearMatvecUse {
  readonly numColumns: number;
  readonly tier: MatvecTier;
}

/** Invocations of a workgroup whose lanes share weight rows. */
const WORKGROUP = 64;
/** As many invocations keep enough bytes in flight for about 1 TB/s; fewer, where weight rows are many, share caches better. */
const WANTED_INVOCATIONS = 8192;

/** Vendors whose GPUs multiply halves at twice the rate; elsewhere f16 tiers would only cost precision (decision 013). */
const FAST_HALVES: ReadonlySet<string> = new Set(['amd', 'arm', 'intel', 'qualcomm', 'samsung']);

/** The variant of a choice. */
export function linearMatvecVariant(choice: LinearMatvecChoice): Variant {
  const { numColumns, tier, hasNorm, weights } = choice;
  const { id, knobs, flags, slots, slotBindings } = linearParts(choice);
  const base = {
    id: `${id}${hasNorm ? '-norm' : ''}-c${numColumns}-${tier}`,
    knobs: { ...knobs, COLUMNS: numColumns },
    flags: { ...flags, norm: hasNorm },
    slotBindings,
  };
  if (tier === 'serial') return { ...base, slots: { ...slots, product: serial }, requires: [] };
  if (tier === 'serial-subgroup') {
    return { ...base, slots: { ...slots, product: serialSubgroup }, requires: ['subgroups'] };
  }
  const isHalf = tier === 'f16' || tier === 'f16-subgroup';
  const hasSubgroups = tier === 'subgroup' || tier === 'f16-subgroup';
  const { wgsl, halfWgsl } = weightSlot(weights);
  const reader = isHalf ? halfWgsl : wgsl;
  if (!reader) throw new Error(`linear-matvec: ${weights.format} has no f16 tier`);
  return {
    ...base,
    knobs: { ...base.knobs, NEAREST: hasSubgroups ? 4 : 1 },
    flags: { ...base.flags, subgroup: hasSubgroups },
    slots: { ...slots, weights: reader, product: lanes },
    requires: [...(isHalf ? (['shader-f16'] as const) : []), ...(hasSubgroups ? (['subgroups'] as const) : [])],
  };
}

/** The tier of a device. The same for every number of tokens, so that a sum's bits do not change with the batch. */
function tierOf(weights: WeightFormatOptions, { isCpu, vendor, features }: DeviceProfile): MatvecTier {
  const hasSubgroups = features.includes('subgroups');
  if (isCpu) return hasSubgroups ? 'serial-subgroup' : 'serial';
  if (features.includes('shader-f16') && FAST_HALVES.has(vendor) && weightSlot(weights).halfWgsl) {
    return hasSubgroups ? 'f16-subgroup' : 'f16';
  }
  return hasSubgroups ? 'subgroup' : 'portable';
}

/**
 * Lanes that share a weight row. Depends on the matrix alone, so that a sum's order does not change with the batch.
 * Eight lanes read one full line of weights and share the activations' lines with the pairs beside them.
 */
function numLanes(shape: LinearShape): number {
  const pairs = tiles(numWeightBlocks(shape), 2);
  const groups = tiles(shape.numInputs, 32);
  let lanes = 8;
  while (lanes < Math.min(groups, WORKGROUP) && pairs * lanes < WANTED_INVOCATIONS) lanes *= 2;
  return lanes;
}

/** Overrides of the module that fills the slot `product`. */
function productConstants(shape: LinearShape, { slots }: Variant): { PAIRS: number; LANES?: number } {
  if (slots['product'] !== lanes) return { PAIRS: SERIAL_PAIRS };
  const count = numLanes(shape);
  return { PAIRS: WORKGROUP / count, LANES: count };
}

/** Numbers of activation rows that there are texts for. */
const COLUMNS: readonly number[] = [1, 2, 4, 8];

type Use = Omit<LinearMatvecUse, 'weights' | 'hasBias'>;
const qkv: Use = { epilogue: 'store', hasNorm: true, hasRowIds: false };
const head: Use = { epilogue: 'store', hasNorm: true, hasRowIds: true };
const plain: Use = { epilogue: 'store', hasNorm: false, hasRowIds: false };
const residual: Use = { epilogue: 'add', hasNorm: false, hasRowIds: false };
const gated: Use = { epilogue: 'silu_mul', hasNorm: true, hasRowIds: false };

const smallGroups: WeightFormatOptions = { format: 'int4', groupSize: 32, hasZeros: false };

/** Every weight format with every ending, with and without norm, bias and row ids: once on lanes, twice serially. */
const formatChoices: readonly LinearMatvecChoice[] = declaredWeightOptions.flatMap((weights, w) =>
  ([w % 2 === 0 ? 'portable' : 'subgroup', 'serial', 'serial-subgroup'] as const).map((tier, t) => ({
    ...([head, residual, gated][(w + t) % 3] ?? head),
    tier,
    weights,
    hasBias: (w + t) % 2 === 0,
    numColumns: 1,
  })),
);

/** The f16 tiers with every kind of group and ending. */
const halfChoices: readonly LinearMatvecChoice[] = (
  [
    [head, 'f16', { groupSize: 32, hasZeros: true }],
    [residual, 'f16-subgroup', { groupSize: 64, hasZeros: false }],
    [gated, 'f16', { groupSize: 128, hasZeros: true }],
    [plain, 'f16-subgroup', { groupSize: 32, hasZeros: false }],
    [residual, 'f16', { groupSize: 64, hasZeros: false, hasBiases: true }],
  ] as const
).map(([use, tier, groups], index) => ({
  ...use,
  tier,
  weights: { format: 'int4', ...groups },
  hasBias: index % 2 === 0,
  numColumns: 1,
}));

/** Every number of columns with and without norm, bias and row ids. */
const columnChoices: readonly LinearMatvecChoice[] = (
  [
    [qkv, 'portable', 1],
    [plain, 'subgroup', 1],
    [plain, 'serial', 1],
    [head, 'portable', 2],
    [residual, 'subgroup', 2],
    [plain, 'f16', 2],
    [head, 'subgroup', 4],
    [gated, 'portable', 4],
    [gated, 'serial', 2],
    [head, 'serial', 4],
    [residual, 'serial', 8],
    [plain, 'serial-subgroup', 2],
    [gated, 'serial-subgroup', 4],
    [head, 'serial-subgroup', 8],
    [residual, 'portable', 4],
    [head, 'portable', 8],
    [residual, 'subgroup', 8],
  ] as const
).map(([use, tier, numColumns]) => ({
  ...use,
  tier,
  weights: smallGroups,
  hasBias: use === head,
  numColumns,
}));

/** Experts, whose matrices are read one by one (a token each) or eight tokens at a time. */
const expertChoices: readonly LinearMatvecChoice[] = (
  [
    [gated, 'portable', 1],
    [plain, 'subgroup', 1],
    [gated, 'serial', 1],
    [plain, 'f16', 1],
    [gated, 'f16-subgroup', 8],
    [plain, 'portable', 8],
    [plain, 'serial', 8],
    [plain, 'serial-subgroup', 1],
    [gated, 'serial-subgroup', 8],
  ] as const
).map(([use, tier, tile]) => ({
  ...use,
  tier,
  weights: smallGroups,
  hasBias: false,
  numColumns: tile,
  experts: { first: 1, count: 2, tile, readsTokens: use === gated },
}));

/** Every activation that the choices above lack. */
const activationChoices: readonly LinearMatvecChoice[] = (
  [
    'gelu',
    'gelu_tanh',
    'quick_gelu',
    'silu',
    'scale_rows',
    'add_scaled',
    'clip',
    'softcap',
    'gelu_mul',
    'gelu_tanh_mul',
    'silu_mul_add',
  ] as const
).map((epilogue, index) => ({
  ...plain,
  epilogue,
  tier: index % 2 === 0 ? 'serial' : 'serial-subgroup',
  weights: smallGroups,
  hasBias: epilogue !== 'scale_rows',
  numColumns: 1,
}));

/**
 * The declared choices. Any two choices of what `pick` returns meet in one of them, but for pairs whose texts do not meet
 * either: weight formats (in f32 or f16) and epilogues are functions called in the loops that numbers of columns bound,
 * activations are called by epilogues alone, subgroups only serve to add up what formats have summed, and what tokens are
 * is seen by none of these. (Software adapters take long to compile these texts.)
 */
export const linearMatvecChoices: readonly LinearMatvecChoice[] = [
  ...formatChoices,
  ...halfChoices,
  ...columnChoices,
  ...expertChoices,
  ...activationChoices,
];

/**
 * Linear product for few tokens. Buffers: the planes of the weights, then `x`, `gamma`, `bias`, `row_ids` where used, `y`;
 * see {@link LinearShape}. A sum's bits depend neither on the tokens beside it nor on `numTokens`.
 */
export const linearMatvec: Kernel<LinearMatvecShape> = defineKernel({
  name: 'linear-matvec',
  source,
  bindings: [...linearBindings, { name: 'gamma', index: 4, access: 'read', flag: 'norm' }],
  constants: ['WIDTH', 'NUM_GROUPS', 'NUM_BLOCKS', 'X_STRIDE', 'EPSILON'],
  variants: linearMatvecChoices.map(linearMatvecVariant),
  pick(shape: LinearMatvecShape, profile: DeviceProfile): Variant {
    const tier = tierOf(shape.weights, profile);
    const most = COLUMNS.at(-1) as number;
    const wanted = shape.experts ? shape.experts.tile : shape.isInvariant ? most : shape.numTokens;
    const numColumns = COLUMNS.find((count) => count >= wanted) ?? most;
    return linearMatvecVariant({ ...shape, numColumns, tier });
  },
  constantsOf: (shape, variant) => ({
    ...linearConstants(shape),
    ...productConstants(shape, variant),
    WIDTH: shape.numInputs,
    EPSILON: shape.epsilon,
  }),
  workgroupsOf: (shape, variant) =>
    pairGrid(shape, productConstants(shape, variant).PAIRS, Number(variant.knobs['COLUMNS'])),
});
