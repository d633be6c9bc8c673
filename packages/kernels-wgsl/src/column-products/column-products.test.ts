// column-products against its f64 reference: few rows, several blocks of rows, columns that fit no workgroup.
import { describeParity } from '../../testing/parity.js';
import { type ColumnProductsShape, columnProducts } from './column-products.js';
import { columnProductsReference } from './column-products.reference.js';

describeParity<ColumnProductsShape>({
  kernel: columnProducts,
  shapes: [
    { numRows: 1, stride: 32 },
    { numRows: 130, stride: 36 },
  ],
  makeCase(shape, _variant, random) {
    const x = random.normals(shape.numRows * shape.stride);
    const sums = random.normals(shape.stride * shape.stride);
    return { shape, buffers: { x, sums }, expected: { sums: columnProductsReference(shape, x, sums) } };
  },
  tolerance: () => 3e-6,
});
