// Statistics of what goes into a linear, column by column, gathered batch after batch: extremes run through all of them, means
// are means of the batches' means. LMDeploy's, in f32.

/** Sums and extremes of the columns of one batch. */
export interface BatchStatistics {
  readonly numRows: number;
  readonly min: Float32Array;
  readonly max: Float32Array;
  readonly sum: Float32Array;
  readonly absSum: Float32Array;
}

/** Statistics of all batches, a number for every column. */
export interface InputStatistics {
  readonly min: Float32Array<ArrayBuffer>;
  readonly max: Float32Array<ArrayBuffer>;
  readonly absmax: Float32Array<ArrayBuffer>;
  readonly mean: Float32Array<ArrayBuffer>;
  readonly absmean: Float32Array<ArrayBuffer>;
}

/** Means of |x| of one batch. */
export function absmeanOf({ absSum, numRows }: BatchStatistics): Float32Array<ArrayBuffer> {
  return Float32Array.from(absSum, (sum) => sum / numRows);
}

/** Statistics over batches that are given in order, of `numCols` columns. */
export function joinStatistics(batches: readonly BatchStatistics[]): InputStatistics {
  const numCols = batches[0]?.min.length ?? 0;
  const over = (of: (batch: BatchStatistics, column: number) => number, join: (values: number[]) => number) =>
    Float32Array.from({ length: numCols }, (_, column) => join(batches.map((batch) => of(batch, column))));
  const average = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const min = over(
    ({ min }, i) => min[i] as number,
    (values) => Math.min(...values),
  );
  const max = over(
    ({ max }, i) => max[i] as number,
    (values) => Math.max(...values),
  );
  return {
    min,
    max,
    absmax: Float32Array.from(max, (value, column) => Math.max(Math.abs(value), Math.abs(min[column] as number))),
    mean: over(({ sum, numRows }, i) => (sum[i] as number) / numRows, average),
    absmean: over(({ absSum, numRows }, i) => (absSum[i] as number) / numRows, average),
  };
}
