// attention-reduce: the merge of splits against its f64 reference.
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom, relativeError } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { attentionDecode } from '../attention-decode/attention-decode.js';
import { decodeShape, makeDecodeCase } from '../attention-decode/attention-decode.reference.js';
import { type AttentionReduceShape, attentionReduce } from './attention-reduce.js';
import { attentionReduceReference } from './attention-reduce.reference.js';

const splitSize = 16;

describeParity<AttentionReduceShape>({
  kernel: attentionReduce,
  shapes: [
    { numRows: 5, headDim: 8, numQueryHeads: 3, splitSize, outStride: 32 },
    { numRows: 2, headDim: 64, numQueryHeads: 2, splitSize, outStride: 128 },
    { numRows: 1, headDim: 80, numQueryHeads: 2, splitSize, outStride: 160 },
  ],
  makeCase(shape, _variant, random) {
    const { numRows, headDim, numQueryHeads, outStride } = shape;
    const positions = Array.from({ length: numRows }, (_, row) => [47, 16, 0, 15, 32][row] ?? 0);
    const partials = random.normals(3 * numRows * numQueryHeads * (headDim + 4), 3);
    // Sums are positive; a split may be so far below another that it must vanish.
    for (let at = 1; at < partials.length; at += headDim + 4) partials[at] = 0.1 + Math.abs(partials[at] ?? 0);
    partials[0] = -500;
    const out = new Float32Array(numRows * outStride).fill(7);
    const expected = Float64Array.from(out);
    attentionReduceReference(
      shape,
      partials,
      positions.map((position) => Math.floor(position / splitSize) + 1),
      expected,
    );
    const rows = Uint32Array.from(positions.flatMap((position) => [0, position, 0, 0]));
    return { shape, buffers: { partials, rows, out }, expected: { out: expected } };
  },
  tolerance: () => 1e-5,
});

describe('attention-reduce after attention-decode', () => {
  it('is attention over all keys', async () => {
    const test = await testDevice();
    const sizes = { headDim: 32, numQueryHeads: 4, numKvHeads: 2, lengths: [100, 17, 5, 48], splitSize };
    const { shape, buffers, expected } = makeDecodeCase(decodeShape(sizes), makeRandom(3));
    const plans = [attentionDecode.plan(shape, test.profile), attentionReduce.plan(shape, test.profile)];
    const { out } = await runKernels(test, plans, buffers);
    expect(relativeError(out as Float32Array, expected['out'] as Float64Array)).toBeLessThan(2e-5);
  });
});
