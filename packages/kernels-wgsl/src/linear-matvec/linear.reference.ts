// f64 reference of both linear kernels, on dequantised weights.
import type { LinearMatvecShape } from './linear-matvec.js';

/** Inputs by binding name; `weight` is dequantised, `[weight rows, numInputs]`. */
export interface LinearInputs {
  readonly weight: Float32Array;
  readonly x: Float32Array;
  readonly gamma: Float32Array;
  readonly bias: Float32Array;
  readonly row_ids: Uint32Array;
  readonly y: Float32Array;
}

/** Returns y laid out like `inputs.y`; what must stay as it is, pads of rows, is copied; padded rows are NaN. */
export function linearReference(shape: LinearMatvecShape, inputs: LinearInputs): Float64Array {
  const { numTokens, numInputs, numOutputs, xStride, yStride, epilogue } = shape;
  const expected = new Float64Array(inputs.y.length).fill(Number.NaN);
  for (let token = 0; token < numTokens; token++) {
    const at = (shape.hasRowIds ? (inputs.row_ids[token] ?? 0) : token) * xStride;
    const x = Float64Array.from(inputs.x.subarray(at, at + numInputs));
    if (shape.hasNorm) {
      const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / numInputs + shape.epsilon);
      for (let k = 0; k < numInputs; k++) x[k] = (x[k] ?? 0) * scale * (inputs.gamma[k] ?? 0);
    }
    const product = (row: number): number => {
      let sum = shape.hasBias ? (inputs.bias[row] ?? 0) : 0;
      for (let k = 0; k < numInputs; k++) sum += (inputs.weight[row * numInputs + k] ?? 0) * (x[k] ?? 0);
      return sum;
    };
    for (let n = 0; n < yStride; n++) {
      const before = inputs.y[token * yStride + n] ?? 0;
      let value = before;
      if (n < numOutputs && epilogue === 'silu_mul') {
        const gateRow = 8 * Math.floor(n / 4) + (n % 4);
        const gate = product(gateRow);
        value = (gate / (1 + Math.exp(-gate))) * product(gateRow + 4);
      } else if (n < numOutputs) {
        value = product(n) + (epilogue === 'add' ? before : 0);
      }
      expected[token * yStride + n] = value;
    }
  }
  return expected;
}
