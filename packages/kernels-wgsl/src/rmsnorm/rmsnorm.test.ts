// rmsnorm against its f64 reference.
import { describeParity } from '../../testing/parity.js';
import { type RmsnormShape, rmsnorm } from './rmsnorm.js';
import { rmsnormReference } from './rmsnorm.reference.js';

const widths = [1, 31, 32, 33, 48, 255, 256, 257, 1024];

describeParity<RmsnormShape>({
  kernel: rmsnorm,
  shapes: widths.map((width, index) => ({
    numRows: (index % 3) + 1,
    width,
    stride: Math.ceil(width / 32) * 32,
    epsilon: index % 2 === 0 ? 1e-6 : 0.005,
    adds: index % 3 === 1,
  })),
  makeCase(shape, _variant, random) {
    const { numRows, width, stride } = shape;
    const x = new Float32Array(numRows * stride);
    const y = new Float32Array(numRows * stride);
    for (let row = 0; row < numRows; row++) {
      x.set(random.normals(width, 3), row * stride);
      y.set(random.normals(width), row * stride);
    }
    const gamma = new Float32Array(stride);
    gamma.set(random.normals(width));
    return { shape, buffers: { x, gamma, y }, expected: { y: rmsnormReference(shape, x, gamma, y) } };
  },
  tolerance: () => 1e-5,
});
