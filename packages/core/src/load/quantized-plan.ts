// Decides how quantised matrices of a checkpoint become one matrix on the device, and cuts their tensors into windows. Pure;
// matrices that are not quantised are weight-plan.ts, recognising them is quantized.ts.
import type { RepackShape, RepackTarget } from '@pagemind/kernels-wgsl';
import { GROUP, middleCode, numBlocks, numGroups, type PlaneName, type WeightFormatOptions } from '@pagemind/quant';
import { PagemindError } from '../errors.js';
import type { QuantizedMatrix, QuantizedPart } from './quantized.js';
import { cutRows, type RowWindow, tensorUnits } from './weight-windows.js';
import { formatName, type MatrixSpec, type WeightPiece } from './weights.js';

/** Tables that name the groups of columns, and which of them a block of rows uses. */
export interface GroupTables {
  readonly tables: readonly Uint16Array[];
  readonly tableOf: Uint16Array;
  /** Zero point of all groups, where the checkpoint has none; else 0. */
  readonly zeroPoint: number;
}

/** How a matrix of quantised pieces is stored. */
export interface QuantizedStorage {
  readonly options: WeightFormatOptions;
  readonly tables?: GroupTables;
}

/** A piece of a spec, and the quantised matrix that it is taken from; undefined if that is not quantised. */
export type SourceOf = (tensor: string) => QuantizedMatrix | undefined;

/**
 * How a matrix is stored whose pieces are quantised; undefined if none is.
 * @throws PagemindError `unsupported_format` naming what does not go together in one matrix.
 */
export function quantizedStorage(spec: MatrixSpec, sourceOf: SourceOf): QuantizedStorage | undefined {
  const pieces = spec.pieces.map((piece) => ({ piece, matrix: sourceOf(piece.tensor) }));
  const [first] = pieces.flatMap(({ matrix }) => matrix ?? []);
  if (!first) return undefined;
  const odd = pieces.find(({ matrix }) => !matrix || formatName(matrix.options) !== formatName(first.options));
  if (odd) {
    const stored = odd.matrix ? formatName(odd.matrix.options) : 'not quantised';
    const rest = `others that ${spec.name} is made of are ${formatName(first.options)}`;
    throw new PagemindError('unsupported_format', `${odd.piece.tensor} is ${stored}, ${rest}.`, {
      hint: 'Take a version of the model that is quantised alike throughout a layer.',
    });
  }
  if (!pieces.some(({ matrix }) => matrix?.groupOf)) return { options: first.options };
  const tables = groupTables(spec, sourceOf, first.options);
  return { options: { ...first.options, hasZeros: true, numTables: tables.tables.length }, tables };
}

/** One table for every order of columns among the pieces; rows of a block share one. */
function groupTables(spec: MatrixSpec, sourceOf: SourceOf, options: WeightFormatOptions): GroupTables {
  const { format, groupSize, hasZeros } = options;
  const inOrder = Uint16Array.from({ length: spec.numCols }, (_, column) => Math.floor(column / groupSize));
  const tables: Uint16Array[] = [];
  const tableOf = new Uint16Array(numBlocks(spec.numRows));
  const ownerOf = new Map<number, number>();
  for (const { tensor, numRows, dst, block, stride } of spec.pieces) {
    const groupOf = sourceOf(tensor)?.groupOf ?? inOrder;
    const known = tables.findIndex((table) => table.every((group, column) => group === groupOf[column]));
    const number = known < 0 ? tables.push(groupOf) - 1 : known;
    for (let row = 0; row < numRows; row++) {
      const at = Math.floor((dst + Math.floor(row / block) * stride + (row % block)) / 4);
      if ((ownerOf.get(at) ?? number) !== number) {
        throw new PagemindError(
          'unsupported_format',
          `${tensor} shares four rows of ${spec.name} with another order of columns.`,
          {
            hint: 'Take a version of the model that is quantised without act-order.',
          },
        );
      }
      ownerOf.set(at, number);
      tableOf[at] = number;
    }
  }
  return { tables, tableOf, zeroPoint: hasZeros ? 0 : middleCode(format === 'int4' ? 4 : 8) };
}

const TARGETS: Readonly<Partial<Record<PlaneName, RepackTarget>>> = {
  weight: 'codes',
  zeros: 'zeros',
  scales: 'halves',
  biases: 'halves',
};

/** Rows or columns of one plane, and where they lie in their file. */
export interface RepackWindow extends RowWindow {
  readonly shape: RepackShape;
  readonly plane: PlaneName;
}

/**
 * Cuts a piece of a quantised matrix into windows: of rows, or of columns where the checkpoint has them in lines.
 * @throws PagemindError `unsupported_model` when a line, or 32 of codes, is larger than a window.
 */
export function cutQuantized(
  piece: WeightPiece,
  matrix: QuantizedMatrix,
  options: WeightFormatOptions,
  windowBytes: number,
): RepackWindow[] {
  return matrix.parts.flatMap((part) =>
    part.layout.isTransposed
      ? cutColumns(piece, matrix, part, options, windowBytes)
      : cutLines(piece, matrix, part, options, windowBytes),
  );
}

type Cut = (
  piece: WeightPiece,
  matrix: QuantizedMatrix,
  part: QuantizedPart,
  options: WeightFormatOptions,
  windowBytes: number,
) => RepackWindow[];

/** Lines are columns or groups; every window has all rows of the piece. */
const cutColumns: Cut = (piece, matrix, part, options, windowBytes) => {
  const span = part.plane === 'weight' ? GROUP : 1;
  const numLines = part.plane === 'weight' ? matrix.numCols : groupsOf(matrix);
  const most = maxLines(part, span, piece, windowBytes);
  const windows: RepackWindow[] = [];
  for (let first = 0; first < numLines; first += most) {
    const count = Math.min(most, numLines - first);
    const { numRows, dst, block, stride, firstRow } = piece;
    windows.push({
      ...rangeOf(part, first, count),
      plane: part.plane,
      shape: {
        ...shapeOf(matrix, part, options),
        ...{ numRows, dst, block, stride, firstRow },
        ...{ numGroups: count / span, firstGroup: first / span, firstColumn: first },
      },
    });
  }
  return windows;
};

/** Lines are rows; every window has all columns. Where rows share words, windows begin and end with whole words. */
const cutLines: Cut = (piece, matrix, part, options, windowBytes) => {
  const shared = part.layout.isAcross ? perWord(part) : 1;
  const most = maxLines(part, shared, piece, windowBytes) - (shared - 1);
  const shape = shapeOf(matrix, part, options);
  return cutRows(piece, most).map(({ row, numRows, ...place }) => {
    const source = piece.firstRow + row;
    const first = source - (source % shared);
    return {
      ...rangeOf(part, first, source + numRows - first),
      plane: part.plane,
      shape: { ...shape, ...place, numRows, firstRow: source - first },
    };
  });
};

/** What windows of a tensor have in common. */
function shapeOf(matrix: QuantizedMatrix, part: QuantizedPart, { numTables }: WeightFormatOptions): RepackShape {
  const { plane, source, layout, added } = part;
  const rowGroups = plane === 'weight' ? numGroups(matrix.numCols) : groupsOf(matrix);
  return {
    ...{ source, layout, added, target: TARGETS[plane] ?? 'halves' },
    ...{ numRows: 0, dst: 0, block: 1, stride: 1, firstRow: 0 },
    ...{ numGroups: rowGroups, firstGroup: 0, firstColumn: 0, sourceStart: 0 },
    rowGroups: plane === 'zeros' && numTables ? rowGroups + 1 : rowGroups,
  };
}

function groupsOf({ numCols, options }: QuantizedMatrix): number {
  return Math.ceil(numCols / options.groupSize);
}

/** Numbers that share a word. */
function perWord({ source }: QuantizedPart): number {
  const { bytes, columns } = tensorUnits[source];
  return (4 / bytes) * columns;
}

/** Bytes of neighbouring lines. */
function bytesOfLines(part: QuantizedPart, count: number): number {
  const { layout } = part;
  return layout.isAcross
    ? Math.ceil(count / perWord(part)) * layout.pitch * 4
    : (count * layout.pitch * 4) / perWord(part);
}

function rangeOf(part: QuantizedPart, first: number, count: number): Pick<RowWindow, 'source' | 'offset' | 'length'> {
  const { source, offset } = part.entry;
  return { source, offset: offset + bytesOfLines(part, first), length: bytesOfLines(part, count) };
}

/** Lines of a window, a multiple of `unit`. */
function maxLines(part: QuantizedPart, unit: number, { tensor }: WeightPiece, windowBytes: number): number {
  const bytes = bytesOfLines(part, unit);
  const most = Math.floor(windowBytes / bytes) * unit;
  if (most > 0) return most;
  throw new PagemindError(
    'unsupported_model',
    `${unit} lines of tensor ${tensor} have ${bytes} bytes; at most ${windowBytes} are loaded at once.`,
    { hint: 'Load with a larger windowBytes.' },
  );
}
