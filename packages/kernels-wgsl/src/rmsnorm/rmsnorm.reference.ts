// f64 reference of rmsnorm.
import type { RmsnormShape } from './rmsnorm.js';

/** Returns y `[numRows, stride]`, which was `before`; zero beyond `width`. */
export function rmsnormReference(
  shape: RmsnormShape,
  x: Float32Array,
  gamma: Float32Array,
  before: Float32Array,
): Float64Array {
  const y = new Float64Array(shape.numRows * shape.stride);
  for (let row = 0; row < shape.numRows; row++) {
    const at = row * shape.stride;
    let sum = 0;
    for (let i = 0; i < shape.width; i++) sum += (x[at + i] ?? 0) ** 2;
    const scale = 1 / Math.sqrt(sum / shape.width + shape.epsilon);
    for (let i = 0; i < shape.width; i++) {
      y[at + i] = (x[at + i] ?? 0) * scale * (gamma[i] ?? 0) + (shape.adds ? (before[at + i] ?? 0) : 0);
    }
  }
  return y;
}
