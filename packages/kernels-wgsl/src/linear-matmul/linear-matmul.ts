// The linear product of prefill: tiles of weights, dequantised once, meet tiles of tokens. The norm before it is a dispatch
// of its own. For up to about 16 tokens linear-matvec is faster; it also serves where bits must not depend on the batch.
import { declaredWeightOptions, type WeightFormatOptions } from '@pagemind/quant';
import { type DeviceProfile, defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import {
  type LinearShape,
  type LinearUse,
  linearBindings,
  linearConstants,
  linearParts,
  numWeightBlocks,
  pairGrid,
  SERIAL_PAIRS,
} from '../linear-matvec/linear.js';
import serial from '../linear-matvec/serial.wgsl';
import serialSubgroup from '../linear-matvec/serial-subgroup.wgsl';
import source from './linear-matmul.wgsl';
import tiled from './tiles.wgsl';
import halfTiled from './tiles-half.wgsl';

/** Sizes of a workgroup's tiles. They fit the 16 KiB of workgroup memory that every device has. */
interface Tiles {
  readonly weightRows: number;
  readonly tokens: number;
  readonly columns: number;
  /** Tokens of an invocation. */
  readonly invocationTokens: number;
  /** Tiles hold f16, and eight columns at a time are added up in it. */
  readonly isHalf: boolean;
}

type TileTier = `${'large' | 'small'}-${'f32' | 'f16'}`;

const tileSizes: Readonly<Record<TileTier, Tiles>> = {
  'large-f32': { weightRows: 64, tokens: 64, columns: 16, invocationTokens: 4, isHalf: false },
  'large-f16': { weightRows: 64, tokens: 64, columns: 32, invocationTokens: 4, isHalf: true },
  'small-f32': { weightRows: 32, tokens: 32, columns: 32, invocationTokens: 2, isHalf: false },
  'small-f16': { weightRows: 32, tokens: 32, columns: 32, invocationTokens: 2, isHalf: true },
};

/** How the work is spread: over tiles, or rows to an invocation (CPUs, with or without subgroups). */
export type MatmulTier = TileTier | 'serial' | 'serial-subgroup';

/** A text of the kernel. */
export interface LinearMatmulChoice extends LinearUse {
  readonly tier: MatmulTier;
}

/** Tokens up to which small tiles waste less. */
const SMALL_TOKENS = 32;

/** The variant of a choice. */
export function linearMatmulVariant(choice: LinearMatmulChoice): Variant {
  const { tier } = choice;
  const { id, knobs, flags, slots, slotBindings } = linearParts(choice);
  const base = { id: `${id}-${tier}`, flags, slotBindings };
  // So many tokens to an invocation that owns its rows: more of them cost more where none reads for the others.
  if (tier === 'serial') {
    return { ...base, knobs: { ...knobs, COLUMNS: 2 }, slots: { ...slots, product: serial }, requires: [] };
  }
  if (tier === 'serial-subgroup') {
    const parts = { knobs: { ...knobs, COLUMNS: 8 }, slots: { ...slots, product: serialSubgroup } };
    return { ...base, ...parts, requires: ['subgroups'] };
  }
  const { weightRows, tokens, columns, invocationTokens, isHalf } = tileSizes[tier];
  return {
    ...base,
    knobs: { ...knobs, COLUMNS: invocationTokens, TILE_N: weightRows, TILE_M: tokens, TILE_K: columns },
    slots: { ...slots, product: isHalf ? halfTiled : tiled },
    requires: isHalf ? ['shader-f16'] : [],
  };
}

type Use = Omit<LinearUse, 'weights' | 'hasBias'>;
const store: Use = { epilogue: 'store', hasRowIds: false };
const head: Use = { epilogue: 'store', hasRowIds: true };
const residual: Use = { epilogue: 'add', hasRowIds: false };
const gated: Use = { epilogue: 'silu_mul', hasRowIds: false };

const tiers = ['large-f32', 'small-f32', 'serial', 'f16'] as const;

/** Every weight format on every way to spread the work; over these it meets every ending, bias and row ids. */
const formatChoices: readonly LinearMatmulChoice[] = tiers.flatMap((tier, t) =>
  declaredWeightOptions.map((weights, w) => ({
    ...([head, residual, gated][(w + t) % 3] ?? head),
    tier: tier === 'f16' ? `${w % 2 === 0 ? 'large' : 'small'}-f16` : tier,
    weights,
    hasBias: (w + t) % 2 === 0,
  })),
);

const smallGroups: WeightFormatOptions = { format: 'int4', groupSize: 32, hasZeros: false };

/** Every activation that the choices above lack. */
const activationChoices: readonly LinearMatmulChoice[] = (
  [
    ['gelu', 'large-f32'],
    ['gelu_tanh', 'small-f16'],
    ['quick_gelu', 'serial'],
    ['silu', 'serial'],
    ['scale_rows', 'small-f32'],
    ['clip', 'small-f32'],
    ['add_scaled', 'small-f16'],
    ['softcap', 'large-f32'],
    ['gelu_mul', 'small-f32'],
    ['gelu_tanh_mul', 'serial'],
    ['silu_mul_add', 'small-f32'],
  ] as const
).map(([epilogue, tier]) => ({
  ...store,
  epilogue,
  tier,
  weights: smallGroups,
  hasBias: epilogue !== 'scale_rows',
}));

/** Experts in tiles of either size, and two at a time. */
const expertChoices: readonly LinearMatmulChoice[] = (
  [
    [gated, 'large-f32', 64],
    [store, 'small-f32', 32],
    [gated, 'small-f16', 32],
    [store, 'large-f16', 64],
    [gated, 'serial', 32],
  ] as const
).map(([use, tier, tile]) => ({
  ...use,
  tier,
  weights: smallGroups,
  hasBias: false,
  experts: { first: 1, count: 2, tile, readsTokens: use === gated },
}));

/** Serially with subgroups: every weight format, and experts. */
const subgroupChoices: readonly LinearMatmulChoice[] = [
  ...declaredWeightOptions.map((weights, w) => ({
    ...([head, residual, gated][w % 3] ?? head),
    weights,
    hasBias: w % 2 === 0,
  })),
  {
    ...store,
    weights: smallGroups,
    hasBias: false,
    experts: { first: 1, count: 2, tile: 32, readsTokens: false },
  },
].map((choice) => ({ ...choice, tier: 'serial-subgroup' }));

/** The declared choices. Any two choices of what `pick` returns meet in one of them; activations only epilogues. */
export const linearMatmulChoices: readonly LinearMatmulChoice[] = [
  ...formatChoices,
  { ...store, tier: 'large-f32', weights: smallGroups, hasBias: false },
  ...activationChoices,
  ...expertChoices,
  ...subgroupChoices,
];

/**
 * Linear product for many tokens. Buffers: the planes of the weights, then `x`, `bias`, `row_ids` where used, `y`; see
 * {@link LinearShape}. Rows of y up to the next multiple of 64 may be overwritten.
 */
export const linearMatmul: Kernel<LinearShape> = defineKernel({
  name: 'linear-matmul',
  source,
  bindings: linearBindings,
  constants: ['NUM_GROUPS', 'NUM_BLOCKS', 'X_STRIDE'],
  variants: linearMatmulChoices.map(linearMatmulVariant),
  pick(shape: LinearShape, profile: DeviceProfile): Variant {
    const { isCpu, features } = profile;
    const size = (shape.experts?.tile ?? shape.numTokens) <= SMALL_TOKENS ? 'small' : 'large';
    const tiled = `${size}-${features.includes('shader-f16') ? 'f16' : 'f32'}` as const;
    const serially = features.includes('subgroups') ? 'serial-subgroup' : 'serial';
    return linearMatmulVariant({ ...shape, tier: isCpu ? serially : tiled });
  },
  constantsOf: (shape, { knobs }) => ({
    ...linearConstants(shape),
    ...(knobs['TILE_M'] === undefined && { PAIRS: SERIAL_PAIRS }),
  }),
  workgroupsOf(shape, { knobs }) {
    const { TILE_M, TILE_N, COLUMNS } = knobs;
    if (TILE_M === undefined) return pairGrid(shape, SERIAL_PAIRS, Number(COLUMNS));
    return [tiles(shape.numTokens, Number(TILE_M)), tiles(4 * numWeightBlocks(shape), Number(TILE_N)), 1];
  },
});
