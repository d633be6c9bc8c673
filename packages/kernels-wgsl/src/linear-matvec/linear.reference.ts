// f64 reference of both linear kernels, on dequantised weights.
import { type Epilogue, isGated, numWeightBlocks } from './linear.js';
import type { LinearMatvecShape } from './linear-matvec.js';

/** Inputs by binding name; `weight` is dequantised, `[weight rows, numInputs]`, those of experts one behind the other. */
export interface LinearInputs {
  readonly weight: Float32Array;
  readonly x: Float32Array;
  readonly gamma: Float32Array;
  readonly bias: Float32Array;
  readonly row_scale: Float32Array;
  readonly row_ids: Uint32Array;
  /** (row, expert) pairs. */
  readonly routes: Uint32Array;
  readonly y: Float32Array;
}

/** erf by its power series, or by the continued fraction of erfc where that one converges. */
function erf(x: number): number {
  const size = Math.abs(x);
  let sum = 0;
  if (size < 3) {
    let term = size;
    for (let n = 0; n < 100; n++) {
      sum += term / (2 * n + 1);
      term *= (-size * size) / (n + 1);
    }
    sum *= 2 / Math.sqrt(Math.PI);
  } else {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / 2 / (size + fraction);
    sum = 1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + fraction);
  }
  return Math.sign(x) * sum;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** With the error function. */
export const gelu = (x: number): number => (x * (1 + erf(x / Math.SQRT2))) / 2;
const geluTanh = (x: number): number => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2;

/** What an epilogue makes of a sum with its bias, or of a gate. */
export const activations: Readonly<Record<Epilogue, (x: number, limit?: number) => number>> = {
  store: (x) => x,
  add: (x) => x,
  gelu,
  gelu_tanh: geluTanh,
  quick_gelu: (x) => x * sigmoid(1.702 * x),
  silu: (x) => x * sigmoid(x),
  scale_rows: (x) => x,
  clip: (x, clip = 1) => Math.max(-clip, Math.min(clip, x)),
  add_scaled: (x) => x,
  softcap: (x, softcap = 1) => softcap * Math.tanh(x / softcap),
  silu_mul: (x) => x * sigmoid(x),
  gelu_mul: gelu,
  gelu_tanh_mul: geluTanh,
  silu_mul_add: (x) => x * sigmoid(x),
};

/** Returns y laid out like `inputs.y`; what must stay as it is, pads of rows, is copied; padded rows are NaN. */
export function linearReference(shape: LinearMatvecShape, inputs: LinearInputs): Float64Array {
  const { numTokens, numInputs, numOutputs, xStride, yStride, epilogue, yStart = 0, experts } = shape;
  const activate = activations[epilogue];
  const expected = new Float64Array(inputs.y.length).fill(Number.NaN);
  for (let token = 0; token < numTokens; token++) {
    const [row = 0, expert = 0] = inputs.routes.subarray(2 * token);
    if (experts && (expert < experts.first || expert >= experts.first + experts.count)) {
      for (let n = token * yStride; n < (token + 1) * yStride; n++) expected[n] = inputs.y[n] ?? 0;
      continue;
    }
    const firstRow = experts ? (expert - experts.first) * 4 * numWeightBlocks(shape) : 0;
    const listed = shape.hasRowIds ? (inputs.row_ids[token] ?? 0) : token;
    const at = (experts?.readsTokens ? row : listed) * xStride;
    const x = Float64Array.from(inputs.x.subarray(at, at + numInputs));
    if (shape.hasNorm) {
      const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / numInputs + shape.epsilon);
      for (let k = 0; k < numInputs; k++) x[k] = (x[k] ?? 0) * scale * (inputs.gamma[k] ?? 0);
    }
    const product = (row: number): number => {
      let sum = shape.hasBias ? (inputs.bias[yStart + row] ?? 0) : 0;
      for (let k = 0; k < numInputs; k++) sum += (inputs.weight[(firstRow + row) * numInputs + k] ?? 0) * (x[k] ?? 0);
      return sum;
    };
    for (let n = 0; n < yStride; n++) {
      const before = inputs.y[token * yStride + n] ?? 0;
      let value = before;
      if (n < numOutputs && isGated(epilogue)) {
        const gateRow = 8 * Math.floor(n / 4) + (n % 4);
        value = activate(product(gateRow)) * (product(gateRow + 4) + (epilogue === 'silu_mul_add' ? before : 0));
      } else if (!isGated(epilogue) && n >= yStart && n < yStart + numOutputs) {
        value = activate(product(n - yStart), epilogue === 'clip' ? shape.clip : shape.softcap);
        if (epilogue === 'scale_rows' || epilogue === 'add_scaled') value *= inputs.row_scale[n] ?? 0;
        if (epilogue === 'add' || epilogue === 'add_scaled') value += before;
      }
      expected[token * yStride + n] = value;
    }
  }
  return expected;
}
