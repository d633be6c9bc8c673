// f64 reference of column-stats.
import type { ColumnStatsShape } from './column-stats.js';

/** Returns stats `[4, stride]`. */
export function columnStatsReference({ numRows, stride }: ColumnStatsShape, x: Float32Array): Float64Array {
  const stats = new Float64Array(4 * stride);
  for (let column = 0; column < stride; column++) {
    const values = Array.from({ length: numRows }, (_, row) => x[row * stride + column] ?? 0);
    stats[column] = Math.min(...values);
    stats[stride + column] = Math.max(...values);
    stats[2 * stride + column] = values.reduce((sum, value) => sum + value, 0);
    stats[3 * stride + column] = values.reduce((sum, value) => sum + Math.abs(value), 0);
  }
  return stats;
}
