// Convolutions of 3 × 3 as a gather and a product: which rows of a square map stand around each row that comes out, as indices
// of gather-rows. Rows beyond the edges are missing, which counts as zero. The products are their owners' business.
import { NO_ROW } from '@pagemind/kernels-wgsl';

/** Rows around a row, itself among them. */
export const SURROUNDINGS = 9;

/** Rows that an enlarged row is a weighted sum of. */
export const ENLARGED_TAPS = 4;

/** Rows along a side of what comes out. */
export function convolvedSide(side: number, stride: number): number {
  return Math.ceil(side / stride);
}

/** u32 `[convolvedSide², 1 + 9]`: the destination row, then the rows around it line by line. */
export function convolutionIndex(side: number, stride: number): Uint32Array<ArrayBuffer> {
  const index: number[] = [];
  forEachOutput(side, stride, (row, around) => {
    index.push(row, ...around.map(([y, x]) => (isInside(y, x, side) ? y * side + x : NO_ROW)));
  });
  return new Uint32Array(index);
}

/** A convolution of a map that is enlarged or shrunk before it, by bilinear interpolation with pixel centres kept in place. */
export interface ResizedConvolution {
  /** u32 `[convolvedSide², 1 + 9 * 4]` */
  readonly index: Uint32Array<ArrayBuffer>;
  /** f32 `[convolvedSide², 9 * 4]` */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** @param side of the map as it is; `resized`: as the convolution sees it */
export function resizedConvolution(side: number, resized: number, stride: number): ResizedConvolution {
  const index: number[] = [];
  const weights: number[] = [];
  forEachOutput(resized, stride, (row, around) => {
    index.push(row);
    for (const [y, x] of around) {
      if (!isInside(y, x, resized)) {
        index.push(NO_ROW, NO_ROW, NO_ROW, NO_ROW);
        weights.push(0, 0, 0, 0);
        continue;
      }
      const [top, bottom, down] = between(y, side, resized);
      const [left, right, across] = between(x, side, resized);
      index.push(top * side + left, top * side + right, bottom * side + left, bottom * side + right);
      weights.push((1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across);
    }
  });
  return { index: new Uint32Array(index), weights: new Float32Array(weights) };
}

/** The two lines of `from` that line `at` of `to` lies between, and how far it is from the first. */
export function between(at: number, from: number, to: number): readonly [number, number, number] {
  const position = Math.max((at + 0.5) * (from / to) - 0.5, 0);
  const first = Math.min(Math.floor(position), from - 1);
  return [first, Math.min(first + 1, from - 1), position - first];
}

/** Every row that comes out, and the places around it. */
function forEachOutput(
  side: number,
  stride: number,
  visit: (row: number, around: readonly (readonly [y: number, x: number])[]) => void,
): void {
  const outputs = convolvedSide(side, stride);
  const steps = [-1, 0, 1];
  for (let row = 0; row < outputs ** 2; row++) {
    const [top, left] = [Math.floor(row / outputs) * stride, (row % outputs) * stride];
    const around = steps.flatMap((down) => steps.map((right) => [top + down, left + right] as const));
    visit(row, around);
  }
}

function isInside(y: number, x: number, side: number): boolean {
  return y >= 0 && x >= 0 && y < side && x < side;
}
