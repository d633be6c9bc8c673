// column-stats against its f64 reference: one row, several blocks of rows, strides that fit no workgroup.
import { describeParity } from '../../testing/parity.js';
import { type ColumnStatsShape, columnStats } from './column-stats.js';
import { columnStatsReference } from './column-stats.reference.js';

describeParity<ColumnStatsShape>({
  kernel: columnStats,
  shapes: [
    { numRows: 1, stride: 32 },
    { numRows: 64, stride: 96 },
    { numRows: 200, stride: 160 },
  ],
  makeCase(shape, _variant, random) {
    const x = random.normals(shape.numRows * shape.stride, 3);
    const stats = new Float32Array(4 * shape.stride);
    return { shape, buffers: { x, stats }, expected: { stats: columnStatsReference(shape, x) } };
  },
  tolerance: () => 1e-6,
});
