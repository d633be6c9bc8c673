// layernorm against its f64 reference: plain rows, rows far from zero, and rows without any spread.
import { describeParity } from '../../testing/parity.js';
import { type LayernormShape, layernorm } from './layernorm.js';
import { layernormReference } from './layernorm.reference.js';

/** Offset of each row but the last: none, far beyond what a mean of squares could bear, and the other side. */
const offsets = [0, 1e4, -3e5];

function shapeOf(width: number, hasBias: boolean): LayernormShape {
  return { numRows: offsets.length + 1, width, stride: Math.ceil(width / 32) * 32, epsilon: 1e-6, hasBias };
}

/** What every variant is tried with; at the others one variant is enough, as a pipeline for each is what tests cost. */
const common = [shapeOf(1028, true), shapeOf(33, false)];
const narrowOnly = [shapeOf(1, true), shapeOf(48, true), shapeOf(255, true)];
const activated: LayernormShape = { ...shapeOf(48, true), activation: 'gelu' };

describeParity<LayernormShape>({
  kernel: layernorm,
  shapes: [...common, ...narrowOnly, activated],
  makeCase(shape, _variant, random) {
    const { numRows, width, stride } = shape;
    const x = random.normals(numRows * stride); // beyond `width` there may be anything
    offsets.forEach((offset, row) => {
      x.set(
        random.normals(width).map((value) => offset + value),
        row * stride,
      );
    });
    x.fill(1234.567, offsets.length * stride); // no spread at all
    const gamma = new Float32Array(stride);
    gamma.set(random.normals(width));
    const beta = new Float32Array(stride);
    beta.set(random.normals(width));
    const y = random.normals(numRows * stride);
    const expected = { y: layernormReference(shape, x, gamma, beta) };
    return { shape, buffers: shape.hasBias ? { x, gamma, beta, y } : { x, gamma, y }, expected };
  },
  tolerance: () => 1e-5,
  accepts: ({ id, flags }, shape) =>
    flags['bias'] === shape.hasBias &&
    id.endsWith('gelu') === (shape === activated) &&
    (id.startsWith('narrow') || !narrowOnly.includes(shape)),
});
