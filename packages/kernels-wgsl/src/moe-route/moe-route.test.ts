// moe-route against its reference: few and many experts, ties, logits far out.
import { expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { type MoeRouteShape, moeRoute } from './moe-route.js';
import { moeRouteReference } from './moe-route.reference.js';

const plain = { stride: 32, isNormalized: false, hasSharedGate: false };

const shapes: readonly MoeRouteShape[] = [
  { ...plain, numRows: 5, numExperts: 8, numChosen: 2, isNormalized: true },
  { ...plain, numRows: 3, firstRow: 2, numExperts: 60, numChosen: 4, stride: 64, hasSharedGate: true },
  { ...plain, numRows: 2, numExperts: 1, numChosen: 1 },
  { ...plain, numRows: 2, firstRow: 1, numExperts: 256, numChosen: 32, stride: 288, isNormalized: true },
];

describeParity<MoeRouteShape>({
  kernel: moeRoute,
  shapes,
  makeCase(shape, _variant, random) {
    const { numRows, firstRow = 0, stride, numChosen } = shape;
    // Steps of a quarter make ties.
    const logits = random.normals((firstRow + numRows) * stride, 3).map((logit) => Math.round(4 * logit) / 4);
    const { routes, shares } = moeRouteReference(shape, logits);
    return {
      shape,
      buffers: {
        logits,
        routes: new Uint32Array(2 * numRows * numChosen),
        shares: new Float32Array(numRows * (numChosen + 1)),
        routed_rows: new Uint32Array(1),
      },
      expected: { routes, shares, routed_rows: Float64Array.of(numRows) },
    };
  },
  tolerance: () => 1e-6,
});

it('moe-route: logits far apart leave one expert everything, and nothing overflows', async () => {
  const test = await testDevice();
  const shape = { ...plain, numRows: 1, numExperts: 4, numChosen: 4, hasSharedGate: true };
  const logits = Float32Array.of(-1e30, 1e30, 0, -1e30, 1e30);
  const buffers = {
    logits,
    routes: new Uint32Array(8),
    shares: new Float32Array(5),
    routed_rows: new Uint32Array(1),
  };
  const { routes, shares } = await runKernels(test, [moeRoute.plan(shape, test.profile)], buffers);
  expect(Array.from(routes)).toEqual([0, 1, 0, 2, 0, 0, 0, 3]);
  expect(shares[0]).toBe(1);
  expect(shares[4]).toBe(1);
  for (const share of shares.subarray(1, 4)) expect(share).toBeLessThan(1e-30);
});
