// Matrices that one buffer cannot hold: cutting them between rows before they are loaded, and finding the parts again.
import { invariant } from '../errors.js';
import type { MatrixSpec, WeightPiece } from './weights.js';

/** A part of a matrix. It consists of units: rows, or the matrices of a stack. */
export interface MatrixPart<Matrix> {
  readonly matrix: Matrix;
  /** The first of its units, and how many there are. */
  readonly first: number;
  readonly count: number;
}

/**
 * Cuts a matrix into specs of about the same size that each take at most `maxBytes`, of the `bytes` that it has in its
 * largest buffer.
 */
export function cutMatrix(spec: MatrixSpec, bytes: number, maxBytes: number): readonly MatrixSpec[] {
  const { numRows, unitRows } = spec;
  if (unitRows === undefined || bytes <= maxBytes) return [spec];
  const numUnits = Math.ceil(numRows / unitRows);
  // Formats keep four rows together: the last ones may be padding.
  const unitBytes = (bytes / (Math.ceil(numRows / 4) * 4)) * unitRows;
  const numParts = Math.ceil(numUnits / Math.max(1, Math.floor(maxBytes / unitBytes)));
  const partRows = Math.ceil(numUnits / numParts) * unitRows;
  return Array.from({ length: Math.ceil(numRows / partRows) }, (_, index) => {
    const start = index * partRows;
    const end = Math.min(start + partRows, numRows);
    const pieces = spec.pieces.flatMap((piece) => pieceBetween(piece, start, end));
    return { ...spec, name: partName(spec.name, index), numRows: end - start, pieces };
  });
}

/** What of a piece goes to the rows from `start` to `end` of its matrix, which become a matrix of their own. */
function pieceBetween(piece: WeightPiece, start: number, end: number): WeightPiece[] {
  const { firstRow, dst, block, stride } = piece;
  const [first, last] = [rowsBefore(piece, start), rowsBefore(piece, end)];
  if (first === last) return [];
  invariant(first % block === 0 || last <= block, `${piece.tensor} is cut between its blocks`);
  const place = dst + Math.floor(first / block) * stride + (first % block);
  return [{ ...piece, firstRow: firstRow + first, numRows: last - first, dst: place - start }];
}

/** How many rows of a piece go to rows of the matrix before row `end`. */
function rowsBefore({ numRows, dst, block, stride }: WeightPiece, end: number): number {
  const room = Math.max(0, end - dst);
  return Math.min(numRows, Math.floor(room / stride) * block + Math.min(room % stride, block));
}

/** The parts of a matrix of `numUnits` units, in order: one, if it was not cut; none, if it was not loaded. */
export function partsOf<Matrix extends { readonly numRows: number }>(
  matrices: ReadonlyMap<string, Matrix>,
  name: string,
  numUnits: number,
): readonly MatrixPart<Matrix>[] {
  const whole = matrices.get(name);
  if (whole) return [{ matrix: whole, first: 0, count: numUnits }];
  const found: Matrix[] = [];
  for (let part = matrices.get(partName(name, 0)); part; part = matrices.get(partName(name, found.length))) {
    found.push(part);
  }
  const perUnit = found.reduce((sum, { numRows }) => sum + numRows, 0) / numUnits;
  let first = 0;
  return found.map((matrix) => {
    const part = { matrix, first, count: matrix.numRows / perUnit };
    first += part.count;
    return part;
  });
}

function partName(name: string, index: number): string {
  return `${name}.${index}`;
}
