// linear-matmul: every variant against its f64 reference, and what must not depend on the batch.
import { declaredWeightOptions } from '@pagemind/quant';
import { expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { fitColumns } from '../../testing/weights.js';
import { supports } from '../kernel.js';
import { isGated } from '../linear-matvec/linear.js';
import {
  expectHalfPrecision,
  linearUses,
  makeLinearCase,
  profiles,
  tolerance,
  unevenSizes,
  untestedPairs,
} from '../linear-matvec/linear.testing.js';
import type { LinearMatvecShape } from '../linear-matvec/linear-matvec.js';
import { linearMatmul, linearMatmulChoices, linearMatmulVariant } from './linear-matmul.js';

/** [numTokens, numInputs, numOutputs]: around tiles of 32 and 64, groups of 32 and row-blocks. */
const sizes: readonly (readonly [number, number, number])[] = [
  [9, 33, 5],
  [1, 48, 31],
  [31, 100, 32],
  [32, 32, 33],
  [33, 31, 7],
  [63, 64, 63],
  [64, 288, 12],
  [65, 96, 65],
  [10, 257, 64],
  [2, 1, 3],
];

interface TestShape extends LinearMatvecShape {
  readonly variantId: string;
}

const shapes: readonly TestShape[] = linearMatmulChoices.map((choice, index) => {
  const [numTokens, wanted, numOutputs] = sizes[(index + Math.floor(index / 9)) % sizes.length] ?? [1, 1, 1];
  const numInputs = fitColumns(choice.weights, wanted);
  const yStart = isGated(choice.epilogue) ? 0 : (index % 3) * 4;
  return {
    ...choice,
    variantId: linearMatmulVariant(choice).id,
    numTokens,
    numInputs,
    numOutputs,
    xStride: Math.ceil(numInputs / 32) * 32,
    yStride: Math.ceil(numOutputs / 32) * 32 + yStart,
    yStart,
    hasNorm: false,
    epsilon: 0,
    softcap: 3,
    clip: 2,
  };
});

describeParity<TestShape>({
  kernel: linearMatmul,
  shapes,
  accepts: (variant, shape) => variant.id === shape.variantId,
  makeCase: (shape, _variant, random) => makeLinearCase(shape, random),
  tolerance,
});

it('linear-matmul: products in f16 are off by 6e-4 in the mean, whatever the size of activations', async (context) => {
  const test = await testDevice();
  const shape = shapes.find(({ variantId }) => variantId === 'int4-g64-zeros-store-listed-large-f16');
  const variant = linearMatmul.variants.find(({ id }) => id === shape?.variantId);
  if (!shape || !variant) throw new Error('the variant is not declared');
  if (!supports(test.profile, variant)) context.skip('adapter lacks shader-f16');
  const { buffers, expected } = makeLinearCase(shape, makeRandom(3), unevenSizes);
  const { y } = await runKernels(test, [linearMatmul.plan(shape, test.profile, variant)], buffers);
  expectHalfPrecision(shape, y as Float32Array, expected['y'] as Float64Array);
});

it.each(declaredWeightOptions)(
  'linear-matmul: declared variants cover picks: $format $groupSize $hasZeros',
  (weights) => {
    const sizes = { numInputs: 64, numOutputs: 64, xStride: 64, yStride: 64 };
    const picked = profiles.flatMap((profile) =>
      linearUses.flatMap((use) =>
        [9, 32, 33, 500].map((numTokens) => linearMatmul.pick({ ...use, ...sizes, weights, numTokens }, profile)),
      ),
    );
    expect(untestedPairs(picked, linearMatmul.variants)).toEqual([]);
  },
);
