// f64 reference of column-products.
import type { ColumnProductsShape } from './column-products.js';

/** Returns sums `[stride, stride]` after xᵀ x was added to those before. */
export function columnProductsReference(
  { numRows, stride }: ColumnProductsShape,
  x: Float32Array,
  before: Float32Array,
): Float64Array {
  const sums = Float64Array.from(before);
  for (let row = 0; row < numRows; row++) {
    for (let i = 0; i < stride * stride; i++) {
      const product = (x[row * stride + Math.floor(i / stride)] ?? 0) * (x[row * stride + (i % stride)] ?? 0);
      sums[i] = (sums[i] ?? 0) + product;
    }
  }
  return sums;
}
