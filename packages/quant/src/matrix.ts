// A matrix of plain numbers, as quantisation with statistics sees it. How formats pack one is formats/.

/** A matrix `[numRows, numCols]`, row-major: a linear's weights, a row for every output. */
export interface Matrix {
  readonly values: Float32Array<ArrayBuffer>;
  readonly numRows: number;
  readonly numCols: number;
}

/** A matrix in small codes: a weight is `(code - zero) * scale` of its row and group of columns. */
export interface QuantizedMatrix {
  readonly numRows: number;
  readonly numCols: number;
  readonly bits: 4 | 8;
  /** Columns of a group; divides `numCols`. */
  readonly groupSize: number;
  /** `[numRows, numCols]` */
  readonly codes: Uint8Array;
  /** Bits of f16, `[numRows, numGroups]`. */
  readonly scales: Uint16Array;
  /** Codes, `[numRows, numGroups]`. */
  readonly zeros: Uint8Array;
}
