// f64 reference of row-errors.
import type { RowErrorsShape } from './row-errors.js';

/** Returns errors `[numRows]`. */
export function rowErrorsReference(
  { numRows, stride }: RowErrorsShape,
  a: Float32Array,
  b: Float32Array,
): Float64Array {
  const errors = new Float64Array(numRows);
  for (let i = 0; i < numRows * stride; i++) {
    const row = Math.floor(i / stride);
    errors[row] = (errors[row] ?? 0) + ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  }
  return errors;
}
