// Reference of pack: the windows' values put in their rows, then quant's CPU packer for the whole matrix.
import { bf16ToF32, f16ToF32, type Planes, weightFormats } from '@pagemind/quant';
import type { PackShape, PackSource } from './pack.js';

/** Raw elements of a window and where they go. */
export interface PackPiece {
  readonly shape: PackShape;
  /** Contents of the source buffer. */
  readonly window: Uint32Array;
}

/** Values of a source buffer. */
export function decode(source: PackSource, window: Uint32Array): Float32Array {
  if (source === 'f32') return new Float32Array(window.buffer, window.byteOffset, window.length);
  const halves = new Uint16Array(window.buffer, window.byteOffset, window.length * 2);
  return Float32Array.from(halves, source === 'f16' ? f16ToF32 : bf16ToF32);
}

/**
 * Planes of the matrix `[numRows, numCols]` that `pieces`, all of one kind and width, make up; `vector` for plain rows and
 * for norms.
 */
export function packReference(pieces: readonly PackPiece[], numRows: number): Planes | { vector: Uint32Array } {
  const { target, numCols, pitch = numCols } = (pieces[0] as PackPiece).shape;
  const width = target === 'vector' ? pitch : numCols;
  const matrix = new Float32Array(numRows * width);
  for (const { shape, window } of pieces) {
    const { offset = 0, scale = 1 } = shape;
    const values = decode(shape.source, window).subarray(shape.sourceStart);
    const changed = offset === 0 && scale === 1 ? values : values.map((value) => Math.fround(value + offset) * scale);
    for (let i = 0; i < shape.numRows; i++) {
      const row = shape.dst + Math.floor(i / shape.block) * shape.stride + (i % shape.block);
      matrix.set(changed.subarray(i * numCols, (i + 1) * numCols), row * width);
    }
  }
  if (target === 'inverse_norms') {
    const norms = Float32Array.from({ length: numRows }, (_, row) => {
      const square = matrix.subarray(row * width, (row + 1) * width).reduce((sum, value) => sum + value ** 2, 0);
      return 1 / Math.max(Math.sqrt(square), 1e-12);
    });
    return { vector: new Uint32Array(norms.buffer) };
  }
  if (target === 'vector') return { vector: new Uint32Array(matrix.buffer) };
  return weightFormats[target.format].pack(matrix, numRows, numCols, target);
}
