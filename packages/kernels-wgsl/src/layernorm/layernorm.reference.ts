// f64 reference of layernorm.
import { gelu } from '../linear-matvec/linear.reference.js';
import type { LayernormShape } from './layernorm.js';

/** Returns y `[numRows, stride]`, zero beyond `width`; `beta` counts if the shape has one. */
export function layernormReference(
  shape: LayernormShape,
  x: Float32Array,
  gamma: Float32Array,
  beta: Float32Array,
): Float64Array {
  const { numRows, width, stride, epsilon, hasBias, activation } = shape;
  const y = new Float64Array(numRows * stride);
  for (let row = 0; row < numRows; row++) {
    const values = Float64Array.from(x.subarray(row * stride, row * stride + width));
    const mean = values.reduce((sum, value) => sum + value, 0) / width;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    values.forEach((value, i) => {
      const normal = (value - mean) / Math.sqrt(variance + epsilon);
      const result = normal * (gamma[i] ?? 0) + (hasBias ? (beta[i] ?? 0) : 0);
      y[row * stride + i] = activation === 'gelu' ? gelu(result) : result;
    });
  }
  return y;
}
