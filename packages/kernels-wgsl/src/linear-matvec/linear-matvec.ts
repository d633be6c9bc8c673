// The linear product of decoding: up to eight activation rows per read of the weights, the RMSNorm before it fused in.
// Any number of rows works, eight at a time; past two readings linear-matmul is faster.
import { declaredWeightOptions } from '@pagemind/quant';
import { type DeviceProfile, defineKernel, foldGrid, type Kernel, tiles, type Variant } from '../kernel.js';
import { type LinearShape, type LinearUse, linearBindings, linearConstants, linearParts, numWeightBlocks } from './linear.js';
import source from './linear-matvec.wgsl';

/** The choices of a product that change shader text. */
export interface LinearMatvecUse extends LinearUse {
  /** y = epilogue(W (x / rms(x) · gamma)): the norm before the product. Gamma is `[xStride]` f32, zero beyond `numInputs`. */
  readonly hasNorm: boolean;
}

export interface LinearMatvecShape extends LinearMatvecUse, LinearShape {
  /** Added to the mean square before the root. Ignored without `hasNorm`. */
  readonly epsilon: number;
}

/** How a workgroup is built: lanes that share a weight row, or one invocation per row (adapters that are CPUs). */
export type MatvecTier = 'portable' | 'subgroup' | 'serial';

/** A text of the kernel: what it computes, for how many activation rows, on which tier. */
export interface LinearMatvecChoice extends LinearMatvecUse {
  readonly numColumns: number;
  readonly tier: MatvecTier;
}

/** Invocations of a workgroup whose lanes share weight rows. */
const WORKGROUP = 64;
/** As many invocations keep enough bytes in flight for about 1 TB/s; fewer, where weight rows are many, share caches better. */
const WANTED_INVOCATIONS = 8192;
/** Pairs of row-blocks, one invocation each, of a serial workgroup. */
const SERIAL_PAIRS = 8;

/** The variant of a choice. */
export function linearMatvecVariant(choice: LinearMatvecChoice): Variant {
  const { numColumns, tier, hasNorm } = choice;
  const parts = linearParts(choice);
  return {
    ...parts,
    id: `${parts.id}${hasNorm ? '-norm' : ''}-c${numColumns}-${tier}`,
    knobs: { ...parts.knobs, COLUMNS: numColumns, NEAREST: tier === 'subgroup' ? 4 : 1 },
    flags: { ...parts.flags, norm: hasNorm, split: tier !== 'serial', subgroup: tier === 'subgroup' },
    requires: tier === 'subgroup' ? ['subgroups'] : [],
  };
}

/**
 * Lanes that share a weight row. Depends on the matrix alone, so that a sum's order does not change with the batch.
 * Eight lanes read one full line of weights and share the activations' lines with the pairs beside them.
 */
function numLanes(shape: LinearShape, { flags }: Variant): number {
  if (flags['split'] !== true) return 1;
  const pairs = tiles(numWeightBlocks(shape), 2);
  const groups = tiles(shape.numInputs, 32);
  let lanes = 8;
  while (lanes < Math.min(groups, WORKGROUP) && pairs * lanes < WANTED_INVOCATIONS) lanes *= 2;
  return lanes;
}

function numPairs(shape: LinearShape, variant: Variant): number {
  return variant.flags['split'] === true ? WORKGROUP / numLanes(shape, variant) : SERIAL_PAIRS;
}

/** The products of a decoder: qkv, o and down, gate and up, the head, and a plain one; each with and without biases. */
const uses: readonly Omit<LinearMatvecUse, 'weights'>[] = [false, true].flatMap((hasBias) => [
  { epilogue: 'store', hasNorm: true, hasBias, hasRowIds: false },
  { epilogue: 'add', hasNorm: false, hasBias, hasRowIds: false },
  { epilogue: 'silu_mul', hasNorm: true, hasBias, hasRowIds: false },
  { epilogue: 'store', hasNorm: true, hasBias, hasRowIds: true },
  { epilogue: 'store', hasNorm: false, hasBias, hasRowIds: false },
]);

const columns: readonly number[] = [1, 2, 4, 8];
const tiers: readonly MatvecTier[] = ['portable', 'subgroup', 'serial'];

/**
 * The declared choices: every weight format with every use on every tier. Numbers of columns go round, so that each
 * meets every use, every format and every tier; a text with another number differs in the bound of two loops.
 */
export const linearMatvecChoices: readonly LinearMatvecChoice[] = tiers.flatMap((tier) =>
  declaredWeightOptions.flatMap((weights, w) =>
    uses.map((use, u) => ({ ...use, weights, tier, numColumns: columns[(w + u) % columns.length] ?? 1 })),
  ),
);

/**
 * Linear product for few tokens. Buffers: the planes of the weights, then `x`, `gamma`, `bias`, `row_ids` where used, `y`;
 * see {@link LinearShape}. A sum's bits do not depend on the tokens beside it, nor on `numTokens`.
 */
export const linearMatvec: Kernel<LinearMatvecShape> = defineKernel({
  name: 'linear-matvec',
  source,
  bindings: [...linearBindings, { name: 'gamma', index: 4, access: 'read', flag: 'norm' }],
  constants: ['X_STRIDE', 'EPSILON', 'NUM_BLOCKS', 'LANES', 'PAIRS'],
  variants: linearMatvecChoices.map(linearMatvecVariant),
  pick(shape: LinearMatvecShape, profile: DeviceProfile): Variant {
    const numColumns = columns.find((count) => count >= shape.numTokens) ?? 8;
    const shared = profile.features.includes('subgroups') ? 'subgroup' : 'portable';
    return linearMatvecVariant({ ...shape, numColumns, tier: profile.isCpu ? 'serial' : shared });
  },
  constantsOf: (shape, variant) => ({
    ...linearConstants(shape),
    EPSILON: shape.epsilon,
    LANES: numLanes(shape, variant),
    PAIRS: numPairs(shape, variant),
  }),
  workgroupsOf(shape, variant) {
    const groups = tiles(tiles(numWeightBlocks(shape), 2), numPairs(shape, variant));
    return [...foldGrid(groups), tiles(shape.numTokens, Number(variant.knobs['COLUMNS']))];
  },
});
