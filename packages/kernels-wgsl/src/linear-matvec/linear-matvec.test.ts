import { describe, expect, it } from 'vitest';
import { declaredWeightOptions } from '@pagemind/quant';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { type DeviceProfile, PORTABLE_LIMITS, supports, type Variant } from '../kernel.js';
import { makeLinearCase } from './linear.testing.js';
import {
  type LinearMatvecShape,
  linearMatvec,
  linearMatvecChoices,
  linearMatvecVariant,
  type MatvecTier,
} from './linear-matvec.js';

/** [numInputs, numOutputs]: around groups of 32, row-blocks of 4 and 8, and past one tile of 8 groups. */
const sizes: readonly (readonly [number, number])[] = [
  [1, 1],
  [31, 3],
  [32, 4],
  [33, 5],
  [48, 7],
  [100, 9],
  [288, 12],
  [513, 20],
  [64, 33],
  [257, 130],
];

interface TestShape extends LinearMatvecShape {
  readonly variantId: string;
}

/** Sizes go round the variants; numbers of tokens lie at, below and above the number of columns. */
const shapes: readonly TestShape[] = linearMatvecChoices.map((choice, index) => {
  const [numInputs, numOutputs] = sizes[index % sizes.length] ?? [1, 1];
  return {
    ...choice,
    variantId: linearMatvecVariant(choice).id,
    numTokens: Math.max(1, choice.numColumns + (index % 3) - 1),
    numInputs,
    numOutputs,
    xStride: Math.ceil(numInputs / 32) * 32,
    yStride: Math.ceil(numOutputs / 32) * 32,
    epsilon: index % 2 === 0 ? 1e-6 : 0.005,
  };
});

describeParity<TestShape>({
  kernel: linearMatvec,
  shapes,
  accepts: (variant, shape) => variant.id === shape.variantId,
  makeCase: (shape, _variant, random) => makeLinearCase(shape, random),
  tolerance: () => 1e-5,
});

const plain = { hasNorm: false, hasBias: false, hasRowIds: false, epilogue: 'store' } as const;
const int4 = { format: 'int4', groupSize: 32, hasZeros: true } as const;

async function outputOf(shape: LinearMatvecShape, variant: Variant): Promise<Float32Array> {
  const test = await testDevice();
  const { buffers } = makeLinearCase(shape, makeRandom(7));
  const { y } = await runKernels(test, [linearMatvec.plan(shape, test.profile, variant)], buffers);
  return y as Float32Array;
}

describe('linear-matvec: the bits of a token', () => {
  const shape: LinearMatvecShape = {
    ...plain,
    hasNorm: true,
    weights: int4,
    numTokens: 8,
    numInputs: 1000,
    numOutputs: 20,
    xStride: 1024,
    yStride: 32,
    epsilon: 1e-6,
  };
  const used = (y: Float32Array): Float32Array => y.subarray(0, shape.numTokens * shape.yStride);

  it.each<MatvecTier>(['portable', 'subgroup', 'serial'])('do not depend on the number of columns: %s', async (tier) => {
    const { profile } = await testDevice();
    const variants = [1, 2, 4, 8].map((numColumns) => linearMatvecVariant({ ...shape, numColumns, tier }));
    if (!variants.every((variant) => supports(profile, variant))) return;
    const [first, ...others] = await Promise.all(variants.map((variant) => outputOf(shape, variant)));
    for (const other of others) expect(used(other)).toEqual(used(first as Float32Array));
  });

  it('do not depend on whether lanes meet through subgroups or through workgroup memory', async () => {
    const { profile } = await testDevice();
    const [portable, subgroup] = (['portable', 'subgroup'] as const).map((tier) =>
      linearMatvecVariant({ ...shape, numColumns: 4, tier }),
    ) as [Variant, Variant];
    if (!supports(profile, subgroup)) return;
    expect(used(await outputOf(shape, subgroup))).toEqual(used(await outputOf(shape, portable)));
  });
});

it('linear-matvec folds grids that one dimension cannot hold', async () => {
  const shape: LinearMatvecShape = {
    ...plain,
    weights: { format: 'f16', groupSize: 0, hasZeros: false },
    numTokens: 1,
    numInputs: 1,
    numOutputs: 8 * 8 * 32768 + 9,
    xStride: 32,
    yStride: 8 * 8 * 32768 + 32,
    epsilon: 0,
  };
  expect(linearMatvec.workgroupsOf(shape, linearMatvecVariant({ ...shape, numColumns: 1, tier: 'serial' }))).toEqual([
    32768, 2, 1,
  ]);
});

describe('linear-matvec: what pick returns is tested', () => {
  const profile: DeviceProfile = {
    vendor: '',
    architecture: '',
    isCpu: false,
    features: [],
    subgroupMinSize: 0,
    subgroupMaxSize: 0,
    limits: PORTABLE_LIMITS,
  };
  const profiles: readonly DeviceProfile[] = [
    profile,
    { ...profile, isCpu: true, features: ['shader-f16', 'subgroups'] },
    { ...profile, features: ['subgroups'], subgroupMinSize: 32, subgroupMaxSize: 32 },
  ];
  /** Any two choices of a variant, as text; without those of a weight format and a number of columns (see the list). */
  function pairsOf({ knobs, flags, slots, requires }: Variant): readonly string[] {
    const ofFormat = new Set(['weights', 'GROUP_SIZE', 'zeros', 'bf16']);
    const slotNames = Object.entries(slots).map(([name, module]) => [name, module.name] as const);
    const choices = [...Object.entries({ ...knobs, ...flags }), ...slotNames, ...requires.map((name) => [name, true])];
    return choices.flatMap(([a, valueOfA]) =>
      choices
        .filter(([b]) => !(a === 'COLUMNS' && ofFormat.has(`${b}`)) && !(b === 'COLUMNS' && ofFormat.has(`${a}`)))
        .map(([b, valueOfB]) => `${a} ${valueOfA} with ${b} ${valueOfB}`),
    );
  }
  const tested = new Set(linearMatvec.variants.flatMap(pairsOf));
  const uses = [false, true].flatMap((hasBias) => [
    { epilogue: 'store', hasNorm: true, hasBias, hasRowIds: false } as const,
    { epilogue: 'store', hasNorm: true, hasBias, hasRowIds: true } as const,
    { epilogue: 'store', hasNorm: false, hasBias, hasRowIds: false } as const,
    { epilogue: 'add', hasNorm: false, hasBias, hasRowIds: false } as const,
    { epilogue: 'silu_mul', hasNorm: true, hasBias, hasRowIds: false } as const,
  ]);

  it.each(declaredWeightOptions)('any two choices meet in a declared variant: $format $groupSize $hasZeros', (weights) => {
    const missing = new Set<string>();
    for (const use of uses) {
      for (const numTokens of [1, 2, 3, 4, 5, 8, 9, 100]) {
        const sizes = { numTokens, numInputs: 64, numOutputs: 64, xStride: 64, yStride: 64, epsilon: 1e-6 };
        for (const device of profiles) {
          const picked = linearMatvec.pick({ ...use, ...sizes, weights }, device);
          for (const pair of pairsOf(picked)) if (!tested.has(pair)) missing.add(pair);
        }
      }
    }
    expect([...missing]).toEqual([]);
  });
});
