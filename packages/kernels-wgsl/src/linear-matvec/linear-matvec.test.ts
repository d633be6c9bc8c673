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

/** Two sizes per variant, going round; numbers of tokens at, below and above the number of columns. */
const shapes: readonly TestShape[] = linearMatvecChoices.flatMap((choice, index) =>
  [0, 5].map((offset) => {
    const [numInputs, numOutputs] = sizes[(index + offset + Math.floor(index / 10)) % sizes.length] ?? [1, 1];
    return {
      ...choice,
      variantId: linearMatvecVariant(choice).id,
      numTokens: Math.max(1, choice.numColumns + ((index + offset) % 3) - 1),
      numInputs,
      numOutputs,
      xStride: Math.ceil(numInputs / 32) * 32,
      yStride: Math.ceil(numOutputs / 32) * 32,
      epsilon: index % 2 === 0 ? 1e-6 : 0.005,
    };
  }),
);

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
  /** Single choices of a variant, as text. */
  const choicesOf = ({ knobs, flags, slots, requires }: Variant): readonly string[] => [
    ...Object.entries({ ...knobs, ...flags }).map(([name, value]) => `${name}=${value}`),
    ...Object.entries(slots).map(([name, module]) => `${name}=${module.name}`),
    ...requires,
  ];
  const pairsOf = (variant: Variant): readonly string[] => {
    const choices = choicesOf(variant);
    return choices.flatMap((a) => choices.map((b) => `${a} with ${b}`));
  };
  const tested = new Set(linearMatvec.variants.flatMap(pairsOf));

  it.each(declaredWeightOptions)('any two choices meet in a tested variant: $format $groupSize $hasZeros', (weights) => {
    for (const choice of linearMatvecChoices.filter((one) => one.weights === weights)) {
      for (const numTokens of [1, 2, 3, 4, 5, 8, 9, 100]) {
        const sizes = { numTokens, numInputs: 64, numOutputs: 64, xStride: 64, yStride: 64, epsilon: 1e-6 };
        for (const device of profiles) {
          const missing = pairsOf(linearMatvec.pick({ ...choice, ...sizes }, device)).filter((pair) => !tested.has(pair));
          expect(missing).toEqual([]);
        }
      }
    }
  });
});
