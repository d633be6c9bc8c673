// Reference of pack: the windows' values put in their rows, then quant's CPU packer for the whole matrix.
import {
  bf16ToF32,
  dequantizeGgml,
  type FloatFormatId,
  f8ToF32,
  f16ToF32,
  floatFormats,
  type GgmlType,
  ggmlBlocks,
  ggmlWeightOptions,
  type Planes,
  repackGgml,
  weightSlot,
} from '@pagemind/quant';
import { isF8, type PackShape, type PackSource, packUnits } from './pack.js';

/** Raw elements of a window and where they go. */
export interface PackPiece {
  readonly shape: PackShape;
  /** Contents of the source buffer. */
  readonly window: Uint32Array;
  /** Contents of the binding of that name, for sources that have it. */
  readonly factors?: Float32Array;
}

/** Values of a source buffer. */
export function decode(source: PackSource, window: Uint32Array): Float32Array {
  if (source === 'f32') return new Float32Array(window.buffer, window.byteOffset, window.length);
  if (source === 'f16' || source === 'bf16') {
    const halves = new Uint16Array(window.buffer, window.byteOffset, window.length * 2);
    return Float32Array.from(halves, source === 'f16' ? f16ToF32 : bf16ToF32);
  }
  const bytes = new Uint8Array(window.buffer, window.byteOffset, window.byteLength);
  if (isF8(source)) {
    return Float32Array.from(bytes, (byte) => f8ToF32(byte, source === 'e4m3' ? 4 : 5));
  }
  return dequantizeGgml(source, bytes.subarray(0, bytes.length - (bytes.length % ggmlBlocks[source].bytes)));
}

/** Row of the matrix that row `i` of a window becomes. */
function destination({ dst, block, stride, headDim }: PackShape, i: number): number {
  const half = (headDim ?? 2) / 2;
  const inHead = i % (2 * half);
  const row = headDim ? i - inHead + (inHead % 2) * half + Math.floor(inHead / 2) : i;
  return dst + Math.floor(row / block) * stride + (row % block);
}

/**
 * Planes of the matrix `[numRows, numCols]` that `pieces`, all of one kind and width, make up; `vector` for plain rows and
 * for norms.
 */
export function packReference(pieces: readonly PackPiece[], numRows: number): Planes | { vector: Uint32Array } {
  const { source, target, numCols, pitch = numCols } = (pieces[0] as PackPiece).shape;
  const width = target === 'vector' ? pitch : numCols;
  const options = ggmlWeightOptions[source as GgmlType];
  const isExact = options && typeof target !== 'string' && weightSlot(options).id === weightSlot(target).id;
  const { bytes, columns } = packUnits[source];
  const rowBytes = (numCols / columns) * bytes;
  const blocks = new Uint8Array(isExact ? numRows * rowBytes : 0);
  const matrix = new Float32Array(numRows * width);
  for (const { shape, window, factors } of pieces) {
    const { factorCols = numCols, offset = 0, scale = 1, columns: stored } = shape;
    const values = decode(shape.source, window).subarray(shape.sourceStart);
    // Zeros keep their signs where nothing is to change.
    const change = (value: number): number =>
      offset === 0 && scale === 1 ? value : Math.fround(value + offset) * scale;
    const raw = new Uint8Array(window.buffer).subarray((shape.sourceStart / columns) * bytes);
    for (let i = 0; i < shape.numRows; i++) {
      const row = destination(shape, i);
      const numbers = stored
        ? values.slice(i).filter((_, at) => at % stored.step === 0 && at < stored.count * stored.step)
        : values.slice(i * numCols, (i + 1) * numCols);
      const factorOf = (column: number): number =>
        factors?.[i * Math.ceil(numCols / factorCols) + Math.floor(column / factorCols)] ?? 1;
      matrix.set(
        numbers.map((value, column) => change(value * factorOf(column))),
        row * width + (stored?.first ?? 0),
      );
      if (isExact) blocks.set(raw.subarray(i * rowBytes, (i + 1) * rowBytes), row * rowBytes);
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
  if (isExact) return repackGgml(source as GgmlType, blocks, numRows, numCols);
  return floatFormats[target.format as FloatFormatId].pack(matrix, numRows, numCols, target);
}
