// Cuts pieces of tensors into windows of whole rows and joins neighbouring windows into reads of bounded size. Pure; what
// the tensors are and whether they fit the model was settled before.
import {
  isF8,
  type PackShape,
  type PackSource,
  type PackTarget,
  type PackUnit,
  packUnits,
  type RepackShape,
  type RepackSource,
  repackUnits,
} from '@pagemind/kernels-wgsl';
import { invariant, PagemindError } from '../errors.js';
import type { ByteSource } from './source.js';
import type { TensorEntry } from './tensor-entry.js';
import type { WeightPiece } from './weights.js';

/** What tensors are made of: plain elements, blocks, or numbers that share words. */
export const tensorUnits: Readonly<Record<PackSource | RepackSource, PackUnit>> = { ...packUnits, ...repackUnits };

/** Rows that are packed by one dispatch, and where they lie in their file. */
export interface RowWindow {
  /** Its `sourceStart` counts from `offset`, until windows are joined. */
  readonly shape: PackShape | RepackShape;
  /** Of sources that have them: what the rows are multiplied by, as the pack kernel wants it. */
  readonly factors?: () => Float32Array<ArrayBuffer>;
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** One read of a file: windows that lie beside each other in it, `sourceStart` counting from the read's first byte. */
export interface WindowRead<Window extends RowWindow> {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
  readonly windows: readonly Window[];
}

/** A piece with all that its windows need to know. */
export interface CutOptions {
  readonly piece: WeightPiece;
  readonly entry: TensorEntry;
  readonly from: PackSource;
  readonly target: PackTarget;
  /** Elements of a row; 1 for vectors. */
  readonly rowLength: number;
  /** Most bytes of a window. */
  readonly windowBytes: number;
  /** What happens to elements of a vector. */
  readonly change: Pick<PackShape, 'offset' | 'scale'>;
}

/**
 * Cuts a piece into windows of whole rows. A window holds whole blocks of the piece, or lies inside one.
 * @throws PagemindError `unsupported_model` when a single row is larger than a window.
 */
export function cutPiece({ piece, entry, from, target, rowLength, windowBytes, change }: CutOptions): RowWindow[] {
  if (piece.isTransposed) return cutTransposed({ piece, entry, from, target, rowLength, windowBytes, change });
  const unit = packUnits[from];
  const rowBytes = (rowLength / unit.columns) * unit.bytes;
  const { headDim = 1, factors } = entry;
  const maxRows = rowBytes === 0 ? piece.numRows : Math.floor(windowBytes / rowBytes / headDim) * headDim;
  if (maxRows === 0) {
    throw new PagemindError(
      'unsupported_model',
      `${headDim === 1 ? 'A row' : 'A head'} of tensor ${piece.tensor} has ${rowBytes * headDim} bytes; at most ${windowBytes} are loaded at once.`,
      { hint: 'Load with a larger windowBytes.' },
    );
  }
  const { block, firstRow, numRows: total } = piece;
  const isWholeHeads = [firstRow, total, block].every((rows) => rows % headDim === 0);
  invariant(isWholeHeads, `${piece.tensor} is taken in whole heads`);
  const factorCols = factors && Math.min(factors.blockCols, rowLength);
  return cutRows(piece, maxRows).map(({ row, numRows, ...place }) => {
    // Elements of a vector that stay together are one long row: fewer, longer strokes for the kernel.
    const isRow = target === 'vector' && place.block === numRows && headDim === 1;
    return {
      shape: {
        source: from,
        target,
        numRows: isRow ? 1 : numRows,
        numCols: isRow ? numRows : rowLength,
        sourceStart: 0,
        ...(isRow ? { dst: place.dst, block: 1, stride: 1 } : place),
        ...(target === 'vector' ? { pitch: 1 } : {}),
        ...(headDim > 1 ? { headDim } : {}),
        ...(factorCols && { factorCols }),
        ...change,
      },
      ...(isF8(from) && { factors: () => factorsOf(entry, piece.firstRow + row, numRows, rowLength) }),
      source: entry.source,
      offset: entry.offset + (piece.firstRow + row) * rowBytes,
      length: numRows * rowBytes,
    };
  });
}

/** Columns of a window of a transposed tensor: a multiple of these, so that every group of a format lies in one window. */
const COLUMN_STEP = 128;

/** Cuts a transposed piece into windows of whole columns of the matrix. */
function cutTransposed({ piece, entry, from, target, rowLength: numCols, windowBytes }: CutOptions): RowWindow[] {
  const { firstRow, numRows, dst, block, stride, slice = 0 } = piece;
  const { bytes } = packUnits[from];
  const step = entry.shape.at(-1) ?? 0;
  const most = Math.floor(windowBytes / bytes / step / COLUMN_STEP) * COLUMN_STEP;
  if (most === 0) {
    throw new PagemindError(
      'unsupported_model',
      `${COLUMN_STEP} rows of tensor ${piece.tensor} have ${COLUMN_STEP * step * bytes} bytes; at most ${windowBytes} are loaded at once.`,
      { hint: 'Load with a larger windowBytes.' },
    );
  }
  return Array.from({ length: Math.ceil(numCols / most) }, (_, window) => {
    const first = window * most;
    const count = Math.min(most, numCols - first);
    const columns = { first, count, step };
    return {
      shape: { source: from, target, numRows, numCols, sourceStart: 0, dst, block, stride, columns },
      source: entry.source,
      offset: entry.offset + ((slice * numCols + first) * step + firstRow) * bytes,
      length: ((count - 1) * step + numRows) * bytes,
    };
  });
}

/** Factors of some rows: one for every row and run of columns. */
function factorsOf(
  { factors }: TensorEntry,
  firstRow: number,
  numRows: number,
  numCols: number,
): Float32Array<ArrayBuffer> {
  if (!factors) return new Float32Array(numRows).fill(1);
  const { values, blockRows, blockCols } = factors;
  const runs = Math.ceil(numCols / blockCols);
  return Float32Array.from({ length: numRows * runs }, (_, i) => {
    const row = firstRow + Math.floor(i / runs);
    return values[Math.floor(row / blockRows) * runs + (i % runs)] ?? 1;
  });
}

/** Rows of a piece from `row` on, and where they go. */
export interface RowCut extends Pick<WeightPiece, 'numRows' | 'dst' | 'block' | 'stride'> {
  readonly row: number;
}

/** Cuts the rows of a piece so that each cut holds whole blocks, or lies inside one. */
export function cutRows({ numRows: total, dst, block, stride }: WeightPiece, maxRows: number): RowCut[] {
  const cuts: RowCut[] = [];
  for (let row = 0; row < total; ) {
    const isWhole = maxRows >= block;
    const most = isWhole ? Math.floor(maxRows / block) * block : Math.min(maxRows, block - (row % block));
    const numRows = Math.min(most, total - row);
    const isInOneBlock = !isWhole || numRows <= block;
    cuts.push({
      row,
      numRows,
      dst: dst + Math.floor(row / block) * stride + (row % block),
      block: isInOneBlock ? numRows : block,
      stride: isInOneBlock ? numRows : stride,
    });
    row += numRows;
  }
  return cuts;
}

/** Joins neighbours into reads of at most `windowBytes`, in file order: else every norm and bias costs a round trip. */
export function joinWindows<Window extends RowWindow>(
  windows: readonly Window[],
  windowBytes: number,
): WindowRead<Window>[] {
  const fileNumbers = new Map<ByteSource, number>();
  for (const { source } of windows) fileNumbers.set(source, fileNumbers.get(source) ?? fileNumbers.size);
  const fileOf = ({ source }: Window): number => fileNumbers.get(source) ?? 0;

  const reads: { source: ByteSource; offset: number; length: number; windows: Window[] }[] = [];
  for (const window of windows.toSorted((a, b) => fileOf(a) - fileOf(b) || a.offset - b.offset)) {
    const { source, offset, length, shape } = window;
    const unit = tensorUnits[shape.source];
    const last = reads.at(-1);
    const at = last?.source === source ? offset - last.offset : Number.POSITIVE_INFINITY;
    const joined = Math.max(last?.length ?? 0, at + length);
    if (last && at <= last.length && joined <= windowBytes && at % unit.bytes === 0) {
      last.length = joined;
      last.windows.push({ ...window, shape: { ...shape, sourceStart: (at / unit.bytes) * unit.columns } });
    } else {
      reads.push({ source, offset, length, windows: [window] });
    }
  }
  return reads;
}
