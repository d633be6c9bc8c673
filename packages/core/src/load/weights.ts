// What a model wants loaded, as plain data: families write these specs, the streaming loader fulfils them.
import type { WeightFormatOptions } from '@pagemind/quant';

/** Rows of a checkpoint tensor and where they go. */
export interface WeightPiece {
  /** Tensor name in the checkpoint. */
  readonly tensor: string;
  /** First row taken from the tensor, and how many. A 1-D tensor has rows of length 1. */
  readonly firstRow: number;
  readonly numRows: number;
  /** Row `i` of the piece goes to `dst + floor(i / block) * stride + i % block`. */
  readonly dst: number;
  readonly block: number;
  readonly stride: number;
  /** The tensor is `[columns, rows]`: its rows are the matrix's columns. */
  readonly isTransposed?: boolean;
  /** Of a transposed tensor that holds several such matrices, one behind the other: which. Default the first. */
  readonly slice?: number;
}

/**
 * Matrices that a policy treats alike: the linears of the decoder, the embedding table and the head, the linears of the
 * vision tower and projector. Matrices of no group stay as they are stored.
 */
export type WeightGroup = 'decoder' | 'embedding' | 'vision';

/** A matrix `[numRows, numCols]` in a weight format; rows may come from several tensors. */
export interface MatrixSpec {
  readonly kind: 'matrix';
  readonly name: string;
  readonly numRows: number;
  readonly numCols: number;
  readonly pieces: readonly WeightPiece[];
  readonly group: WeightGroup | 'none';
  /**
   * The loader may put the matrix into several buffers, cut between units of so many rows: a multiple of four, where pieces
   * that alternate do not cross. Without it the matrix is one buffer, or refused.
   */
  readonly unitRows?: number;
}

/** An f32 vector, padded with zeros to a multiple of 32. An element w of the checkpoint becomes (w + offset) * scale. */
export interface VectorSpec {
  readonly kind: 'vector';
  readonly name: string;
  readonly length: number;
  readonly pieces: readonly WeightPiece[];
  /** Default 0. */
  readonly offset?: number;
  /** Default 1. */
  readonly scale?: number;
  /** The vector holds, of each row of so many columns, one over its Euclidean norm. */
  readonly inverseNormsOf?: number;
}

export type WeightSpec = MatrixSpec | VectorSpec;

/** What matrices become while loading: the format of each group; a group that is not mentioned stays as it is stored. */
export type WeightPolicy = Readonly<Partial<Record<WeightGroup, WeightFormatOptions>>>;

/**
 * A format in short, as options spell it: `bf16`, `int4-g64`; `-symmetric` without zero points, `-biases` with biases instead,
 * `-act-order` where tables name the groups of columns.
 */
export function formatName({ format, groupSize, hasZeros, hasBiases, numTables }: WeightFormatOptions): string {
  if (groupSize === 0) return format;
  const offset = hasBiases ? '-biases' : hasZeros ? '' : '-symmetric';
  return `${format}-g${groupSize}${offset}${numTables ? '-act-order' : ''}`;
}

/** A whole tensor as one piece. */
export function wholeTensor(tensor: string, numRows: number, dst = 0): WeightPiece {
  return { tensor, firstRow: 0, numRows, dst, block: numRows, stride: numRows };
}
