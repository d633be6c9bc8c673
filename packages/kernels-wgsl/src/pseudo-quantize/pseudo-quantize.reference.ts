// Reference of pseudo-quantize: quant's own grid, on a row-major matrix.
import { dequantizeMatrix, floatFormats, quantizeMatrix } from '@pagemind/quant';
import type { PseudoQuantizeShape } from './pseudo-quantize.js';

const F32 = { format: 'f32', groupSize: 0, hasZeros: false } as const;

/** Values in the f32 format. */
export function packedF32(values: Float32Array, numRows: number, numCols: number): Float32Array {
  const { weight } = floatFormats.f32.pack(values, numRows, numCols, F32);
  return new Float32Array((weight as Uint32Array<ArrayBuffer>).buffer);
}

/** Returns the result in the f32 format; scales are those of the codes, not rounded to f16. */
export function pseudoQuantizeReference(
  shape: PseudoQuantizeShape,
  values: Float32Array,
  factors: Float32Array,
): Float64Array {
  const { numRows, numCols } = shape;
  const scaled = values.map((value, i) => value * (factors[i % numCols] ?? 0));
  const quantized = quantizeMatrix({ values: scaled, numRows, numCols }, shape);
  const rounded = dequantizeMatrix(quantized).values.map((value, i) => value / (factors[i % numCols] ?? 0));
  return Float64Array.from(packedF32(rounded, numRows, numCols));
}
