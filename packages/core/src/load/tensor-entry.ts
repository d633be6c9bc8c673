// A tensor of a checkpoint: what it is and where its bytes lie. Reading them is the loader's business.
import type { GgmlType } from '@pagemind/quant';
import type { SafetensorsDtype, TensorLocation } from './safetensors.js';
import type { ByteSource } from './source.js';

/** What the elements of a tensor are multiplied by: one factor for every block of rows and columns. */
export interface TensorFactors {
  /** `[ceil(rows / blockRows), ceil(columns / blockCols)]` */
  readonly values: Float32Array;
  readonly blockRows: number;
  readonly blockCols: number;
}

/** A tensor and the file it lies in. */
export interface TensorEntry extends Omit<TensorLocation, 'dtype'> {
  readonly dtype: SafetensorsDtype | GgmlType;
  /** Rows of a head, where those of its halves come in turns: see `headDim` of the pack kernel. */
  readonly headDim?: number;
  /** Only of f8; missing: the elements are the numbers. */
  readonly factors?: TensorFactors;
  readonly source: ByteSource;
  /** Path of the file, for messages. */
  readonly file: string;
}
