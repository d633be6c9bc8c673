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
}

/** A matrix `[numRows, numCols]` in a weight format; rows may come from several tensors. */
export interface MatrixSpec {
  readonly kind: 'matrix';
  readonly name: string;
  readonly numRows: number;
  readonly numCols: number;
  readonly pieces: readonly WeightPiece[];
  /** Decoder linears may be quantised; embeddings and the head stay as they are stored. */
  readonly isQuantizable: boolean;
}

/** An f32 vector, padded with zeros to a multiple of 32. */
export interface VectorSpec {
  readonly kind: 'vector';
  readonly name: string;
  readonly length: number;
  readonly pieces: readonly WeightPiece[];
}

export type WeightSpec = MatrixSpec | VectorSpec;

/** What to do with matrices while loading. */
export interface WeightPolicy {
  /** Format of quantisable matrices; undefined keeps the stored dtype. */
  readonly quantize: WeightFormatOptions | undefined;
}

/** A whole tensor as one piece. */
export function wholeTensor(tensor: string, numRows: number, dst = 0): WeightPiece {
  return { tensor, firstRow: 0, numRows, dst, block: numRows, stride: numRows };
}
