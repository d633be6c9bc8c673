// linear-matvec: every variant against its f64 reference, and what must not depend on the batch.
import { declaredWeightOptions } from '@pagemind/quant';
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { fitColumns } from '../../testing/weights.js';
import { type DeviceProfile, supports } from '../kernel.js';
import { isGated } from './linear.js';
import { activations } from './linear.reference.js';
import {
  expectHalfPrecision,
  linearUses,
  makeLinearCase,
  profiles,
  tolerance,
  unevenSizes,
  untestedPairs,
} from './linear.testing.js';
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

const plain: LinearMatvecShape = {
  weights: { format: 'int4', groupSize: 32, hasZeros: false },
  epilogue: 'store',
  hasNorm: false,
  hasBias: false,
  hasRowIds: false,
  numTokens: 8,
  numInputs: 1000,
  numOutputs: 20,
  xStride: 1024,
  yStride: 32,
  epsilon: 1e-6,
};

/**
 * Sizes go round the variants; numbers of tokens lie at, below and above the number of columns. f16 texts take longest to
 * compile, so the plain ones have the shape, and with it the pipelines, of the tests further down.
 */
const shapes: readonly TestShape[] = linearMatvecChoices.map((choice, index) => {
  const variantId = linearMatvecVariant(choice).id;
  if (choice.tier.startsWith('f16') && variantId.includes('-store-c')) return { ...plain, ...choice, variantId };
  const [wanted, numOutputs] = sizes[index % sizes.length] ?? [1, 1];
  const numInputs = fitColumns(choice.weights, wanted);
  const yStart = isGated(choice.epilogue) ? 0 : (index % 3) * 4;
  return {
    ...choice,
    variantId,
    numTokens: Math.max(1, choice.numColumns + (index % 3) - 1),
    numInputs,
    numOutputs,
    xStride: Math.ceil(numInputs / 32) * 32,
    yStride: Math.ceil(numOutputs / 32) * 32 + yStart,
    yStart,
    epsilon: index % 2 === 0 ? 1e-6 : 0.005,
    softcap: 3,
    clip: 2,
  };
});

describeParity<TestShape>({
  kernel: linearMatvec,
  shapes,
  accepts: (variant, shape) => variant.id === shape.variantId,
  makeCase: (shape, _variant, random) => makeLinearCase(shape, random),
  tolerance,
});

describe('linear-matvec: the bits of a sum', () => {
  async function outputOf(tier: MatvecTier, numColumns: number): Promise<Float32Array> {
    const test = await testDevice();
    const variant = linearMatvecVariant({ ...plain, numColumns, tier });
    const { buffers } = makeLinearCase(plain, makeRandom(7));
    const { y } = await runKernels(test, [linearMatvec.plan(plain, test.profile, variant)], buffers);
    return (y as Float32Array).subarray(0, plain.numTokens * plain.yStride);
  }

  it('do not depend on the number of columns', async () => {
    expect(await outputOf('portable', 8)).toEqual(await outputOf('portable', 1));
    expect(await outputOf('serial', 2)).toEqual(await outputOf('serial', 1));
  });

  it('do not depend on subgroups', async (context) => {
    const { profile } = await testDevice();
    if (!profile.features.includes('subgroups')) context.skip('adapter lacks subgroups');
    expect(await outputOf('subgroup', 1)).toEqual(await outputOf('portable', 1));
  });

  it('depend on neither where products are f16', async (context) => {
    const { profile } = await testDevice();
    const variant = linearMatvecVariant({ ...plain, numColumns: 1, tier: 'f16-subgroup' });
    if (!supports(profile, variant)) context.skip(`adapter lacks ${variant.requires.join(' or ')}`);
    const output = await outputOf('f16', 1);
    expect(await outputOf('f16', 2)).toEqual(output);
    expect(await outputOf('f16-subgroup', 1)).toEqual(output);
  });
});

describe('linear-matvec: products in f16', () => {
  const variant = linearMatvecVariant({ ...plain, numColumns: 2, tier: 'f16' });

  it('are off by 5e-4 in the mean, whatever the size of activations', async (context) => {
    const test = await testDevice();
    if (!supports(test.profile, variant)) context.skip('adapter lacks shader-f16');
    const { buffers, expected } = makeLinearCase(plain, makeRandom(3), unevenSizes);
    const { y } = await runKernels(test, [linearMatvec.plan(plain, test.profile, variant)], buffers);
    expectHalfPrecision(plain, y as Float32Array, expected['y'] as Float64Array);
  });

  it('are there for int4 alone, and picked where halves are fast', () => {
    const tierOf = (format: 'int4' | 'f16', profile: DeviceProfile | undefined): string | undefined =>
      profile && linearMatvec.pick({ ...plain, weights: { ...plain.weights, format } }, profile).id.split('-c8-')[1];
    const [, , subgroups, halves, arm, intel] = profiles;
    expect([subgroups, halves, arm, intel].map((profile) => tierOf('int4', profile))).toEqual([
      'subgroup',
      'portable',
      'f16',
      'f16-subgroup',
    ]);
    expect([arm, intel].map((profile) => tierOf('f16', profile))).toEqual(['portable', 'subgroup']);
    const choice = { ...plain, weights: { format: 'f16', groupSize: 0, hasZeros: false }, numColumns: 1 } as const;
    expect(() => linearMatvecVariant({ ...choice, tier: 'f16' })).toThrow('no f16 tier');
  });
});

describe('linear-matvec: activations far out', () => {
  const points = [-1e30, -1000, -88, -30, -10, -5, -3, -1, -1e-3, 0, 1e-3, 1, 3, 5, 10, 30, 88, 1000, 1e30];
  const epilogues = ['gelu', 'gelu_tanh', 'quick_gelu', 'silu', 'silu_mul', 'gelu_mul', 'gelu_tanh_mul'] as const;

  it.each(epilogues)('%s', async (epilogue) => {
    const test = await testDevice();
    const numOutputs = points.length;
    const shape = { ...plain, epilogue, hasBias: true, numTokens: 1, numInputs: 1, numOutputs, xStride: 32 };
    const { buffers } = makeLinearCase(shape, makeRandom(1), () => 0);
    // y = activation(bias), times 1 where an up comes with it.
    const bias = (buffers['bias'] as Float32Array).fill(1);
    points.forEach((point, n) => {
      bias[isGated(epilogue) ? 8 * Math.floor(n / 4) + (n % 4) : n] = point;
    });
    const variant = linearMatvecVariant({ ...shape, numColumns: 1, tier: 'serial' });
    const { y } = await runKernels(test, [linearMatvec.plan(shape, test.profile, variant)], buffers);
    points.forEach((point, n) => {
      const want = activations[epilogue](Math.fround(point));
      const error = Math.abs(((y as Float32Array)[n] ?? Number.NaN) - want);
      expect(error, `${point}`).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(want)));
    });
  });
});

describe('linear-matvec: the grid', () => {
  it('folds where one dimension cannot hold it, and takes eight tokens at a time', () => {
    const variant = linearMatvecVariant({ ...plain, numColumns: 8, tier: 'serial' });
    const shape = { ...plain, numTokens: 17, numOutputs: 8 * 8 * 32768 + 9 };
    expect(linearMatvec.workgroupsOf(shape, variant)).toEqual([32768, 2, 3]);
  });

  it('gives few weight rows more lanes', () => {
    const variant = linearMatvecVariant({ ...plain, numColumns: 1, tier: 'portable' });
    const lanesOf = (numInputs: number, numOutputs: number): unknown =>
      linearMatvec.constantsOf({ ...plain, numInputs, numOutputs }, variant)['LANES'];
    expect([lanesOf(4096, 151936), lanesOf(4096, 4096), lanesOf(4096, 512), lanesOf(96, 64)]).toEqual([8, 16, 64, 8]);
  });
});

it.each(declaredWeightOptions)(
  'linear-matvec: declared variants cover picks: $format $groupSize $hasZeros',
  (weights) => {
    const picked = profiles.flatMap((profile) =>
      linearUses.flatMap((use) =>
        [1, 2, 3, 4, 5, 8, 9, 100].map((numTokens) =>
          linearMatvec.pick({ ...plain, ...use, weights, numTokens }, profile),
        ),
      ),
    );
    expect(untestedPairs(picked, linearMatvec.variants)).toEqual([]);
  },
);
