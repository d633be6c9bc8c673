// f64 model of quantised lines: one head of a token's key or value as codes on a grid, and their bytes in the cache.
import { f16ToF32, f32ToF16 } from '@pagemind/quant';
import type { KvShape, KvType } from './kv-cache.js';

/** Elements are `code * scale + zero`; both are halves. */
export interface Grid {
  readonly scale: number;
  readonly zero: number;
}

/** Codes of a line's elements. */
export interface Codes extends Grid {
  readonly codes: Uint8Array;
  /** Whether a code is too near to the middle between two for f32 to tell them apart. */
  readonly isOpen: readonly boolean[];
}

/** Unrounded codes are up to 255; the device's difference, quotient and clamp are within a few ulp of that, 1e-4. */
const NEAR = 1e-4;

/** Bits of a code; 0 for floats. */
export function codeBits(kvType: KvType): 0 | 4 | 8 {
  return kvType === 'int8' ? 8 : kvType === 'int4' ? 4 : 0;
}

/** Puts a line on the grid that spans it. */
export function quantise(values: ArrayLike<number>, bits: 4 | 8): Codes {
  const levels = 2 ** bits - 1;
  const line = Array.from(values, (value) => Math.max(-65504, Math.min(65504, value)));
  const low = Math.min(...line);
  const scale = scaleOf(scaleHalf((Math.max(...line) - low) / levels, bits), bits);
  const zero = f16ToF32(f32ToF16(low));
  const exact = line.map((value) => (scale === 0 ? 0 : (value - zero) / scale));
  return {
    scale,
    zero,
    codes: Uint8Array.from(exact, (code) => Math.max(0, Math.min(levels, roundEven(code)))),
    isOpen: exact.map((code) => Math.abs(code - Math.floor(code) - 0.5) < NEAR),
  };
}

/** Where a line's codes and grid lie in the cache, in bytes. */
export function placeOf(shape: KvShape, line: number): { readonly codes: number; readonly grid: number } {
  const lineBytes = 4 * Math.ceil((shape.headDim * codeBits(shape.kvType)) / 32);
  const numLines = 2 * shape.pageSize; // of a page and head
  const start = Math.floor(line / numLines) * numLines * (lineBytes + 4);
  const index = line % numLines;
  return { codes: start + index * lineBytes, grid: start + numLines * lineBytes + index * 4 };
}

/** Byte of element `d` behind a line's first, and the bit where its code starts in it. */
export function codePlace(bits: 4 | 8, d: number): { readonly byte: number; readonly shift: number } {
  if (bits === 8) return { byte: d, shift: 0 };
  return { byte: Math.floor(d / 8) * 4 + (d % 4), shift: d % 8 < 4 ? 0 : 4 };
}

/** Writes a line into the cache. */
export function writeLine(
  shape: KvShape,
  cache: Uint8Array,
  line: number,
  { codes, scale, zero }: Omit<Codes, 'isOpen'>,
): void {
  const bits = codeBits(shape.kvType) || 8;
  const place = placeOf(shape, line);
  codes.forEach((code, d) => {
    const { byte, shift } = codePlace(bits, d);
    cache[place.codes + byte] = ((cache[place.codes + byte] ?? 0) & ~((2 ** bits - 1) << shift)) | (code << shift);
  });
  const view = new DataView(cache.buffer, cache.byteOffset);
  view.setUint16(place.grid, scaleHalf(scale, bits), true);
  view.setUint16(place.grid + 2, f32ToF16(zero), true);
}

/** Reads a line back. */
export function readLine(shape: KvShape, cache: Uint8Array, line: number): Omit<Codes, 'isOpen'> {
  const bits = codeBits(shape.kvType) || 8;
  const place = placeOf(shape, line);
  const view = new DataView(cache.buffer, cache.byteOffset);
  return {
    scale: scaleOf(view.getUint16(place.grid, true), bits),
    zero: f16ToF32(view.getUint16(place.grid + 2, true)),
    codes: Uint8Array.from({ length: shape.headDim }, (_, d) => {
      const { byte, shift } = codePlace(bits, d);
      return ((cache[place.codes + byte] ?? 0) >> shift) & (2 ** bits - 1);
    }),
  };
}

/** Scales are stored times a power of two, which keeps small ones clear of a half's subnormals. */
function scaleHalf(scale: number, bits: 4 | 8): number {
  return f32ToF16(scale * 2 ** (bits - 2));
}

function scaleOf(half: number, bits: 4 | 8): number {
  return f16ToF32(half) / 2 ** (bits - 2);
}

function roundEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
