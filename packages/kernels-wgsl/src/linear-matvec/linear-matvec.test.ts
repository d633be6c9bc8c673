// linear-matvec: every variant against its f64 reference, and what must not depend on the batch.
import { declaredWeightOptions } from '@pagemind/quant';
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { decoderUses, makeLinearCase, profiles, untestedPairs } from './linear.testing.js';
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
      decoderUses.flatMap((use) =>
        [1, 2, 3, 4, 5, 8, 9, 100].map((numTokens) =>
          linearMatvec.pick({ ...plain, ...use, weights, numTokens }, profile),
        ),
      ),
    );
    expect(untestedPairs(picked, linearMatvec.variants)).toEqual([]);
  },
);
