// pseudo-quantize against quant's grid. Weights lie near the middle of their steps, so that no rounding is in doubt, and the
// scales of their grids are powers of two, as quant rounds them to f16.
import { describeParity } from '../../testing/parity.js';
import { type PseudoQuantizeShape, pseudoQuantize } from './pseudo-quantize.js';
import { packedF32, pseudoQuantizeReference } from './pseudo-quantize.reference.js';

describeParity<PseudoQuantizeShape>({
  kernel: pseudoQuantize,
  shapes: [
    { numRows: 8, numCols: 32, groupSize: 32, bits: 4, isSymmetric: false },
    { numRows: 12, numCols: 384, groupSize: 128, bits: 4, isSymmetric: false },
    { numRows: 4, numCols: 192, groupSize: 64, bits: 4, isSymmetric: true },
    { numRows: 4, numCols: 64, groupSize: 64, bits: 8, isSymmetric: false },
  ],
  makeCase(shape, _variant, random) {
    const { numRows, numCols, groupSize, bits, isSymmetric } = shape;
    const factors = Float32Array.from({ length: numCols }, () => 2 ** (random.int(5) - 2));
    const last = 2 ** bits - 1;
    const zero = isSymmetric ? (last + 1) / 2 : random.int(last);
    const values = new Float32Array(numRows * numCols);
    for (let i = 0; i < values.length; i++) {
      // Every group has its two ends, so that its step is 1/64.
      const end = i % groupSize === 0 ? (isSymmetric ? 1 : 0) : i % groupSize === 1 ? last : undefined;
      const step = (end ?? 2 + random.int(last - 2) + (random.uniform() - 0.5) * 0.5) - zero;
      values[i] = step / 64 / (factors[i % numCols] ?? 1);
    }
    const expected = pseudoQuantizeReference(shape, values, factors);
    const result = new Float32Array(expected.length);
    return {
      shape,
      buffers: { weight: packedF32(values, numRows, numCols), factors, result },
      expected: { result: expected },
    };
  },
  tolerance: () => 1e-5,
});
