// Resizing with Pillow's numbers: antialiased, in 8-bit fixed point, first along rows, then along columns, rounded and
// clamped after each. The browser's canvas has others; a model sees the difference.
import { invariant } from '../errors.js';
import type { RgbImage } from './image.js';

/** Filters, as Pillow names them. */
export type ResampleFilter = 'nearest' | 'box' | 'bilinear' | 'bicubic' | 'lanczos';

/** A filter that weighs its surroundings; distances in pixels of the smaller image. */
interface Kernel {
  readonly support: number;
  readonly weight: (distance: number) => number;
}

const KERNELS: Readonly<Record<Exclude<ResampleFilter, 'nearest'>, Kernel>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Weights are whole multiples of 2^-22: 32 bits less 8 of the pixel and 2 for sums beyond 255. */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

/** Which pixels of a line make up each pixel of the resized line. */
interface Taps {
  /** Weights have room for so many per pixel. */
  readonly maxCount: number;
  /** [outSize] */
  readonly first: Int32Array;
  /** [outSize] */
  readonly count: Int32Array;
  /** [outSize, maxCount] */
  readonly weights: Int32Array;
}

/** The image in another size; the image itself when it has that size already. */
export function resample(image: RgbImage, width: number, height: number, filter: ResampleFilter): RgbImage {
  invariant(Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1, 'sizes are whole');
  if (width === image.width && height === image.height) return image;
  if (filter === 'nearest') return pickNearest(image, width, height);
  const kernel = KERNELS[filter];
  if (height === image.height) return resampleRows(image, 0, height, tapsOf(image.width, width, kernel));
  const taps = tapsOf(image.height, height, kernel);
  if (width === image.width) return resampleColumns(image, 0, taps);
  const firstRow = taps.first[0] as number;
  const endRow = (taps.first[height - 1] as number) + (taps.count[height - 1] as number);
  const rows = resampleRows(image, firstRow, endRow, tapsOf(image.width, width, kernel));
  return resampleColumns(rows, firstRow, taps);
}

/** Rows `firstRow` to `endRow` in their new width. */
function resampleRows(image: RgbImage, firstRow: number, endRow: number, taps: Taps): RgbImage {
  const { width: inWidth, data } = image;
  const { maxCount, first, count, weights } = taps;
  const width = first.length;
  const out = new Uint8ClampedArray(3 * width * (endRow - firstRow));
  for (let row = firstRow, to = 0; row < endRow; row++) {
    for (let column = 0; column < width; column++, to += 3) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let at = 3 * (row * inWidth + (first[column] as number));
      const end = at + 3 * (count[column] as number);
      for (let tap = column * maxCount; at < end; tap++, at += 3) {
        const weight = weights[tap] as number;
        red = (red + Math.imul(data[at] as number, weight)) | 0;
        green = (green + Math.imul(data[at + 1] as number, weight)) | 0;
        blue = (blue + Math.imul(data[at + 2] as number, weight)) | 0;
      }
      out[to] = red >> PRECISION_BITS;
      out[to + 1] = green >> PRECISION_BITS;
      out[to + 2] = blue >> PRECISION_BITS;
    }
  }
  return { width, height: endRow - firstRow, data: new Uint8Array(out.buffer) };
}

/** All columns in their new height; the image's first row is row `firstRow` of what the taps were made for. */
function resampleColumns({ width, data }: RgbImage, firstRow: number, taps: Taps): RgbImage {
  const { maxCount, first, count, weights } = taps;
  const height = first.length;
  const stride = 3 * width;
  const out = new Uint8ClampedArray(stride * height);
  const sums = new Int32Array(stride);
  for (let row = 0; row < height; row++) {
    sums.fill(HALF);
    let at = ((first[row] as number) - firstRow) * stride;
    for (let tap = 0; tap < (count[row] as number); tap++) {
      const weight = weights[row * maxCount + tap] as number;
      for (let i = 0; i < stride; i++, at++) {
        sums[i] = (sums[i] as number) + Math.imul(data[at] as number, weight);
      }
    }
    for (let i = 0, to = row * stride; i < stride; i++, to++) out[to] = (sums[i] as number) >> PRECISION_BITS;
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

/** For a line of `inSize` pixels that becomes `outSize` long. A smaller line widens the kernel: that is the antialiasing. */
function tapsOf(inSize: number, outSize: number, { support, weight }: Kernel): Taps {
  const scale = inSize / outSize;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const maxCount = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(outSize);
  const count = new Int32Array(outSize);
  const weights = new Int32Array(outSize * maxCount);
  const exact = new Float64Array(maxCount);
  for (let i = 0; i < outSize; i++) {
    const center = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - reach + 0.5));
    const size = Math.min(inSize, Math.trunc(center + reach + 0.5)) - start;
    let sum = 0;
    for (let tap = 0; tap < size; tap++) {
      const value = weight((tap + start - center + 0.5) * (1 / stretch));
      exact[tap] = value;
      sum += value;
    }
    first[i] = start;
    count[i] = size;
    for (let tap = 0; tap < size; tap++) {
      const share = (exact[tap] as number) / (sum || 1);
      weights[i * maxCount + tap] = Math.trunc(share * (1 << PRECISION_BITS) + (share < 0 ? -0.5 : 0.5));
    }
  }
  return { maxCount, first, count, weights };
}

/** One pixel for each. Positions are added up rather than multiplied, for the sake of Pillow's rounding. */
function pickNearest({ width: inWidth, height: inHeight, data }: RgbImage, width: number, height: number): RgbImage {
  const columns = nearest(inWidth, width);
  const rows = nearest(inHeight, height);
  const out = new Uint8Array(3 * width * height);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = 3 * (row * inWidth + column);
      out[to++] = data[from] as number;
      out[to++] = data[from + 1] as number;
      out[to++] = data[from + 2] as number;
    }
  }
  return { width, height, data: out };
}

function nearest(inSize: number, outSize: number): Int32Array {
  const scale = inSize / outSize;
  let position = scale / 2;
  return Int32Array.from({ length: outSize }, () => {
    const index = Math.min(Math.trunc(position), inSize - 1);
    position += scale;
    return index;
  });
}

/** Keys' cubic with a = -0.5. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}
