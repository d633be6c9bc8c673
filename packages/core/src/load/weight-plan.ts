// Decides how a checkpoint becomes weights, before a byte of a tensor is read: checks every tensor against what the model
// wants, chooses formats, and counts bytes. Pure; cutting into windows is weight-windows.ts, doing is weight-loader.ts.
import { isF8, type PackSource, packUnits } from '@pagemind/kernels-wgsl';
import {
  type GgmlType,
  ggmlBlocks,
  ggmlWeightOptions,
  type PlaneName,
  type WeightFormatOptions,
} from '@pagemind/quant';
import { invariant, PagemindError } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import { planeBytesOf } from './packed-format.js';
import { cutQuantized, type GroupTables, quantizedStorage } from './quantized-plan.js';
import type { RangeRead } from './read-ahead.js';
import type { TensorEntry } from './tensor-entry.js';
import { cutMatrix } from './weight-parts.js';
import { cutPiece, joinWindows, type RowWindow, type WindowRead } from './weight-windows.js';
import {
  formatName,
  type MatrixSpec,
  type VectorSpec,
  type WeightPiece,
  type WeightPolicy,
  type WeightSpec,
} from './weights.js';

/** Dtypes of tensors that weights are made of. */
export const WEIGHT_DTYPES: Readonly<Record<string, PackSource>> = {
  ...{ F32: 'f32', F16: 'f16', BF16: 'bf16', F8_E4M3: 'e4m3', F8_E5M2: 'e5m2' },
  ...(Object.fromEntries(Object.keys(ggmlBlocks).map((type) => [type, type])) as Record<GgmlType, GgmlType>),
};

/** Tables that old checkpoints carry along; the engine computes its own. */
const ROPE_TABLE = /(^|\.)rotary_(pos_)?emb\.inv_freq$/;

/** A matrix and the buffers it will need, in bytes by plane. */
export interface PlannedMatrix {
  readonly spec: MatrixSpec;
  readonly options: WeightFormatOptions;
  readonly buffers: Readonly<Record<string, number>>;
  /** What the plane `zeros` holds beside zero points, where groups are not columns in a row. */
  readonly tables?: GroupTables;
}

/** A vector and the buffer it will need. */
export interface PlannedVector {
  readonly spec: VectorSpec;
  readonly options?: never;
  readonly tables?: never;
  readonly buffers: Readonly<Record<string, number>>;
}

export type PlannedWeight = PlannedMatrix | PlannedVector;

/** Rows of one weight. */
export interface WeightWindow extends RowWindow {
  readonly weight: PlannedWeight;
  /** The plane that the rows go to, if they are of one only. */
  readonly plane?: PlaneName;
}

export interface WeightPlan<Read extends RangeRead = WindowRead<WeightWindow>> {
  readonly weights: readonly PlannedWeight[];
  /** In the order of the files. */
  readonly reads: readonly Read[];
  /** Bytes that will be read. */
  readonly readBytes: number;
  /** Bytes that the weights will take on the device. */
  readonly deviceBytes: number;
}

export interface WeightPlanOptions {
  /** Most bytes of one read. */
  readonly windowBytes: number;
  /** Largest buffer that a kernel can bind; default: no limit. */
  readonly maxBufferBytes?: number;
  /** Tensors that the model does not use and that need no mention. */
  readonly ignored?: (tensor: string) => boolean;
}

/**
 * Plans the loading of `specs` from a checkpoint.
 * @throws PagemindError `tensor_missing`, `tensor_mismatch` (dtype, shape, or rows that nobody takes), `tensor_unexpected`,
 * `unsupported_model` when a matrix is larger than a buffer, or a row larger than a window.
 */
export function planWeights(
  checkpoint: Checkpoint,
  specs: readonly WeightSpec[],
  policy: WeightPolicy,
  { windowBytes, maxBufferBytes = Number.POSITIVE_INFINITY, ignored = () => false }: WeightPlanOptions,
): WeightPlan {
  const taken = new Map<string, Range[]>();
  const windows: WeightWindow[] = [];
  const weights = specs.flatMap((spec) => planParts(checkpoint, spec, policy, maxBufferBytes));
  for (const weight of weights) {
    const { spec } = weight;
    checkBuffers(weight, maxBufferBytes);
    for (const piece of spec.pieces) {
      const ranges = taken.get(piece.tensor) ?? [];
      taken.set(piece.tensor, ranges);
      const matrix = checkpoint.quantized?.get(piece.tensor);
      if (matrix && weight.options) {
        ranges.push({ start: piece.firstRow, end: piece.firstRow + piece.numRows });
        const cut = cutQuantized(piece, matrix, weight.options, windowBytes);
        windows.push(...cut.map((window) => ({ ...window, weight })));
        continue;
      }
      const { entry, from, rowLength } = tensorOf(checkpoint, spec, piece);
      const start = ((piece.slice ?? 0) * (entry.shape.at(-1) ?? 0) + piece.firstRow) * rowLength;
      ranges.push({ start, end: start + piece.numRows * rowLength });
      const target = weight.options ?? (weight.spec.inverseNormsOf ? 'inverse_norms' : 'vector');
      const change = spec.kind === 'vector' ? { offset: spec.offset ?? 0, scale: spec.scale ?? 1 } : {};
      const cut = cutPiece({ piece, entry, from, target, rowLength, windowBytes, change });
      windows.push(...cut.map((window) => ({ ...window, weight })));
    }
  }
  checkTaken(checkpoint, taken, ignored);
  return planOf(weights, joinWindows(windows, windowBytes));
}

/** A weight, or the parts of a matrix that one buffer cannot hold. */
function planParts(
  checkpoint: Checkpoint,
  spec: WeightSpec,
  policy: WeightPolicy,
  maxBufferBytes: number,
): readonly PlannedWeight[] {
  const whole = planWeight(checkpoint, spec, policy);
  if (spec.kind === 'vector') return [whole];
  const parts = cutMatrix(spec, Math.max(...Object.values(whole.buffers)), maxBufferBytes);
  return parts.length === 1 ? [whole] : parts.map((part) => planWeight(checkpoint, part, policy));
}

/** A plan with its bytes counted. */
export function planOf<Read extends RangeRead>(
  weights: readonly PlannedWeight[],
  reads: readonly Read[],
): WeightPlan<Read> {
  return {
    weights,
    reads,
    readBytes: reads.reduce((sum, { length }) => sum + length, 0),
    deviceBytes: weights.reduce((sum, weight) => sum + bytesOf(weight), 0),
  };
}

/** Bytes of a weight on the device. */
export function bytesOf({ buffers }: PlannedWeight): number {
  return Object.values(buffers).reduce((sum, bytes) => sum + bytes, 0);
}

/** What becomes of a weight, checked against the tensors it is made of. */
export function planWeight(checkpoint: Checkpoint, spec: WeightSpec, policy: WeightPolicy): PlannedWeight {
  if (spec.kind === 'vector') return { spec, buffers: planeBytesOf(spec) };
  const wanted = spec.group === 'none' ? undefined : policy[spec.group];
  const quantized = quantizedStorage(spec, (tensor) => checkpoint.quantized?.get(tensor));
  if (quantized) {
    checkQuantized(checkpoint, spec);
    checkWanted(spec, wanted, quantized.options);
    return { spec, ...quantized, buffers: planeBytesOf({ ...spec, ...quantized }) };
  }
  const sources = new Set(spec.pieces.map((piece) => tensorOf(checkpoint, spec, piece).from));
  const stored = storedFormat(sources);
  if ([...sources].some(isBlocks)) checkWanted(spec, wanted, stored);
  const options = wanted ?? stored;
  return { spec, options, buffers: planeBytesOf({ ...spec, options }) };
}

/** Checks quantised pieces against what the model wants. */
function checkQuantized({ quantized }: Checkpoint, spec: MatrixSpec): void {
  for (const { tensor, firstRow, numRows } of spec.pieces) {
    const matrix = quantized?.get(tensor);
    if (!matrix || (matrix.numCols === spec.numCols && firstRow + numRows <= matrix.numRows)) continue;
    const [is, expected] = [`[${matrix.numRows}, ${matrix.numCols}]`, `[${firstRow + numRows}, ${spec.numCols}]`];
    throw mismatch(tensor, `has shape ${is} (${matrix.layout}), ${spec.name} expects ${expected}`);
  }
}

/** What is quantised stays as it is: a policy may at most ask for that. */
function checkWanted({ name }: MatrixSpec, wanted: WeightFormatOptions | undefined, stored: WeightFormatOptions): void {
  if (!wanted || formatName(wanted) === formatName(stored)) return;
  const [is, asked] = [formatName(stored), formatName(wanted)];
  throw new PagemindError('invalid_option', `${name} is stored as ${is}; quantising to ${asked} is impossible.`, {
    hint: 'Load the quantised checkpoint as it is, or quantise the original one.',
  });
}

function isBlocks(source: PackSource): source is GgmlType {
  return Object.hasOwn(ggmlBlocks, source);
}

/**
 * The format that keeps what pieces are made of as it is; f32, which holds them all, when they differ. f8 becomes f16: exact
 * without scales, else rounded once.
 */
export function storedFormat(sources: ReadonlySet<PackSource>): WeightFormatOptions {
  const [first = 'f32'] = sources;
  const only = sources.size > 1 ? 'f32' : first;
  if (isBlocks(only)) return ggmlWeightOptions[only];
  return { format: isF8(only) ? 'f16' : only, groupSize: 0, hasZeros: false };
}

interface PieceTensor {
  readonly entry: TensorEntry;
  readonly from: PackSource;
  /** Elements of a row: the matrix's columns, or 1. */
  readonly rowLength: number;
}

/** The tensor of a piece, seen as rows: its last dimensions make up a row, the ones before count rows. */
function tensorOf(checkpoint: Checkpoint, spec: WeightSpec, piece: WeightPiece): PieceTensor {
  const { tensor, firstRow, numRows, dst, block, stride } = piece;
  const entry = checkpoint.tensors.get(tensor);
  if (!entry) throw missingTensor(checkpoint, tensor);
  const { dtype, shape } = entry;
  const from = WEIGHT_DTYPES[dtype];
  if (!from || (spec.kind === 'vector' && (isF8(from) || isBlocks(from)))) {
    throw mismatch(tensor, `has dtype ${dtype}, expected F32, F16 or BF16`);
  }
  const { columns } = packUnits[from];
  const [numDstRows, rowLength] =
    spec.kind === 'matrix' ? [spec.numRows, spec.numCols] : [spec.length, spec.inverseNormsOf ?? 1];
  const lastRow = dst + Math.floor((numRows - 1) / block) * stride + ((numRows - 1) % block);
  invariant(lastRow < numDstRows, `${tensor} ends at row ${lastRow} of ${numDstRows} of ${spec.name}`);
  if (piece.isTransposed) {
    const numCols = ((piece.slice ?? 0) + 1) * rowLength;
    const isEnough = (shape.at(-1) ?? 0) >= firstRow + numRows && product(shape.slice(0, -1)) >= numCols;
    if (shape.length < 2 || !isEnough) {
      const expected = `[${numCols}, ${firstRow + numRows}]`;
      throw mismatch(tensor, `has shape [${shape.join(', ')}], ${spec.name} expects ${expected}`);
    }
    if (columns !== 1 || isF8(from)) throw mismatch(tensor, `has dtype ${dtype}, expected F32, F16 or BF16`);
    return { entry, from, rowLength };
  }
  let numRowDims = shape.length;
  while (numRowDims > 0 && product(shape.slice(numRowDims)) < rowLength) numRowDims--;
  const isEnough = firstRow + numRows <= product(shape.slice(0, numRowDims));
  if (product(shape.slice(numRowDims)) !== rowLength || !isEnough) {
    const expected = spec.kind === 'matrix' ? `[${firstRow + numRows}, ${rowLength}]` : `[${firstRow + numRows}]`;
    throw mismatch(tensor, `has shape [${shape.join(', ')}], ${spec.name} expects ${expected}`);
  }
  if (rowLength % columns !== 0) throw mismatch(tensor, `has dtype ${dtype}, which ${spec.name} cannot take apart`);
  return { entry, from, rowLength };
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((result, size) => result * size, 1);
}

/** The error for what a model needs and a checkpoint has not. */
export function missingTensor({ name }: Pick<Checkpoint, 'name'>, tensor: string): PagemindError {
  return new PagemindError('tensor_missing', `${name} lacks tensor ${tensor}.`, {
    hint: 'The checkpoint is incomplete, or of another architecture than config.json says.',
  });
}

/** The error for what is not as a model needs it. */
export function mismatch(tensor: string, reason: string): PagemindError {
  return new PagemindError('tensor_mismatch', `Tensor ${tensor} ${reason}.`, {
    hint: 'The weights do not belong to this config.json, or are of a variant that is not supported.',
  });
}

/** @throws PagemindError `unsupported_model` when a buffer is larger than a kernel can bind. */
export function checkBuffers({ spec, buffers }: PlannedWeight, maxBufferBytes: number): void {
  for (const [plane, bytes] of Object.entries(buffers)) {
    if (bytes <= maxBufferBytes) continue;
    throw new PagemindError(
      'unsupported_model',
      `${spec.name} (${plane}) takes ${bytes} bytes; a buffer of this device ends at ${maxBufferBytes}.`,
      { hint: 'Quantise the model while loading it, or use a smaller one, or a device with a larger buffer limit.' },
    );
  }
}

/** Elements of a tensor. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Tensors or rows left over mean that the model is not what config.json says: better an error than wrong text. */
function checkTaken(
  checkpoint: Checkpoint,
  taken: ReadonlyMap<string, readonly Range[]>,
  ignored: (tensor: string) => boolean,
): void {
  const unexpected: string[] = [];
  const check = (tensor: string, shape: readonly number[], total: number, unit: string): void => {
    const ranges = taken.get(tensor);
    if (!ranges) {
      if (!ROPE_TABLE.test(tensor) && !ignored(tensor)) unexpected.push(tensor);
      return;
    }
    let end = 0;
    for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
      if (range.start <= end) end = Math.max(end, range.end);
    }
    if (end === total) return;
    throw mismatch(tensor, `has shape [${shape.join(', ')}]; the model takes ${end} of its ${total} ${unit}`);
  };
  const parts = new Set<TensorEntry>();
  for (const [name, { numRows, numCols, parts: own, index, spare }] of checkpoint.quantized ?? []) {
    for (const entry of [...own.map((part) => part.entry), ...(index ? [index] : []), ...spare]) parts.add(entry);
    check(name, [numRows, numCols], numRows, 'rows');
  }
  for (const [tensor, entry] of checkpoint.tensors) {
    if (!parts.has(entry)) check(tensor, entry.shape, product(entry.shape), 'elements');
  }
  if (unexpected.length > 0) throw unexpectedTensors(checkpoint, unexpected);
}

/** The error for tensors that no weight takes. */
export function unexpectedTensors({ name }: Pick<Checkpoint, 'name'>, tensors: readonly string[]): PagemindError {
  const more = tensors.length > 3 ? ` and ${tensors.length - 3} more` : '';
  return new PagemindError(
    'tensor_unexpected',
    `${name} holds tensors that the model does not use: ${tensors.slice(0, 3).join(', ')}${more}.`,
    { hint: 'The weights are of another architecture than config.json says, or of a variant that is not supported.' },
  );
}
