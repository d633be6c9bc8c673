// Stretches a square table of positions over a grid of another size, as PyTorch's bicubic interpolation does: the rows that
// each new row is a sum of, and their weights. Summing them is a gather.

/** Rows that a new one is a sum of: four lines by four columns. */
export const CUBIC_TAPS = 16;

/** A gather of new rows, line by line. */
export interface Interpolation {
  /** u32 `[to², 1 + CUBIC_TAPS]`: the new row, then its sources. */
  readonly index: Uint32Array<ArrayBuffer>;
  /** f32 `[to², CUBIC_TAPS]` */
  readonly weights: Float32Array<ArrayBuffer>;
}

/**
 * @param from side of the table
 * @param to side of the grid
 */
export function interpolate(from: number, to: number): Interpolation {
  const lines = Array.from({ length: to }, (_, line) => cubicTaps(line, from, to));
  const index: number[] = [];
  const weights: number[] = [];
  lines.forEach((rows, y) => {
    lines.forEach((cols, x) => {
      index.push(y * to + x);
      for (const row of rows) {
        for (const col of cols) {
          index.push(row.at * from + col.at);
          weights.push(row.weight * col.weight);
        }
      }
    });
  });
  return { index: Uint32Array.from(index), weights: Float32Array.from(weights) };
}

interface Tap {
  readonly at: number;
  readonly weight: number;
}

/** The four lines around line `at` of `to`, centres kept in place; those beyond an edge are the edge. */
function cubicTaps(at: number, from: number, to: number): readonly Tap[] {
  const position = (at + 0.5) * (from / to) - 0.5;
  const first = Math.floor(position) - 1;
  return [0, 1, 2, 3].map((i) => ({
    at: Math.min(Math.max(first + i, 0), from - 1),
    weight: cubic(Math.abs(position - first - i)),
  }));
}

/** PyTorch's: a line that goes through is as steep as this at its neighbours. */
const STEEPNESS = -0.75;

/** Keys' kernel at a distance below 2. */
function cubic(distance: number): number {
  const a = STEEPNESS;
  return distance <= 1
    ? ((a + 2) * distance - (a + 3)) * distance * distance + 1
    : ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}
