// Round-to-nearest quantisation of one group to 4 or 8 bits, in steps that a GPU repeats bit for bit: only exactly rounded
// f32 operations decide (a GPU's division is not one, so quotients are corrected by exact comparisons).
// Smoothing and search belong to awq; the placing of codes belongs to grouped.ts.
import { f16ToF32, f32ToF16 } from '../half.js';

export interface QuantizedGroup {
  /** Bits of the f16 scale. */
  readonly scale: number;
  /** Zero point: a code. */
  readonly zero: number;
  /** Bits of the f16 bias; 0 unless it was asked for. */
  readonly bias: number;
  /** One code per value; a value is about `(code - zero) * scale`, or `code * scale + bias`. */
  readonly codes: Uint8Array;
}

/** How groups are moved: by nothing (their zero point is the middle code), a zero point, or a bias. */
export type GroupOffset = 'none' | 'zero' | 'bias';

/** The least f16 above 0: no scale is 0, so nothing is divided by 0. */
const MIN_SCALE = 2 ** -24;

/** Zero point of all groups without one of their own. */
export function middleCode(bits: number): number {
  return 2 ** (bits - 1);
}

/**
 * Quantises `values`, the real columns of one group.
 * With a zero point the steps span the values, and 0 with them if they all lie on one side of it, because the zero point is
 * itself a code. Values that are all equal become one step, so that they keep their f16 value exactly.
 * Without, the scale is a seventh of the largest magnitude (of 4 bits): code 0 (-8) stays unused and 7 steps reach either
 * end. With a bias, which is the least value, the steps span the values alone.
 */
export function quantizeGroup(values: Float32Array, offset: GroupOffset, bits = 4): QuantizedGroup {
  const last = 2 ** bits - 1;
  const middle = middleCode(bits);
  const min = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const max = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const low = offset === 'bias' ? min : Math.min(min, 0);
  const high = offset === 'bias' ? max : Math.max(max, 0);
  const clampCode = (code: number): number => Math.min(Math.max(code, 0), last);
  const span = Math.fround(high - low);
  const ideal =
    offset === 'none'
      ? Math.fround(Math.max(-low, high) * Math.fround(1 / (middle - 1)))
      : min === max
        ? span
        : Math.fround(span * Math.fround(1 / last));
  const half = f32ToF16(Math.max(ideal, MIN_SCALE));
  const scale = f16ToF32(half);
  const bias = offset === 'bias' ? f32ToF16(low) : 0;
  const zero = offset === 'none' ? middle : offset === 'bias' ? 0 : clampCode(roundedQuotient(-low, scale));
  const start = f16ToF32(bias);
  const codes = Uint8Array.from(values, (value) => clampCode(roundedQuotient(value - start, scale) + zero));
  return { scale: half, zero, bias, codes };
}

/** `value / scale` rounded to the nearest integer, ties to even. */
function roundedQuotient(value: number, scale: number): number {
  const floor = Math.floor(value / scale);
  const middle = (floor + 0.5) * scale; // exact for the small integers that matter: a scale has 11 bits
  const roundsUp = value > middle || (value === middle && floor % 2 !== 0);
  return roundsUp ? floor + 1 : floor;
}
