// row-errors against its f64 reference: rows shorter and longer than a workgroup.
import { describeParity } from '../../testing/parity.js';
import { type RowErrorsShape, rowErrors } from './row-errors.js';
import { rowErrorsReference } from './row-errors.reference.js';

describeParity<RowErrorsShape>({
  kernel: rowErrors,
  shapes: [
    { numRows: 3, stride: 32 },
    { numRows: 2, stride: 1056 },
  ],
  makeCase(shape, _variant, random) {
    const [a, b] = [random.normals(shape.numRows * shape.stride), random.normals(shape.numRows * shape.stride)];
    const errors = new Float32Array(shape.numRows);
    return { shape, buffers: { a, b, errors }, expected: { errors: rowErrorsReference(shape, a, b) } };
  },
  tolerance: () => 1e-6,
});
