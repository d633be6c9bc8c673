// Round-to-nearest quantisation of one group to 4 bits, in steps that a GPU repeats bit for bit: only exactly rounded
// f32 operations decide (a GPU's division is not one, so quotients are corrected by exact comparisons).
// Smoothing and search belong to awq; the placing of codes belongs to int4.ts.
import { f16ToF32, f32ToF16 } from '../../half.js';

/** Zero point of all groups without one of their own. */
export const SYMMETRIC_ZERO: number = 8;

export interface QuantizedGroup {
  /** Bits of the f16 scale. */
  readonly scale: number;
  /** Zero point, 0-15. */
  readonly zero: number;
  /** One code per value, 0-15; a value is about `(code - zero) * scale`. */
  readonly codes: Uint8Array;
}

const FIFTEENTH = Math.fround(1 / 15);
const SEVENTH = Math.fround(1 / 7);
/** The least f16 above 0: no scale is 0, so nothing is divided by 0. */
const MIN_SCALE = 2 ** -24;

/**
 * Quantises `values`, the real columns of one group.
 * With a zero point the 15 steps span the values, and 0 with them if they all lie on one side of it, because the zero
 * point is itself a code. Values that are all equal become one step, so that they keep their f16 value exactly.
 * Without, the scale is a seventh of the largest magnitude: code 0 (-8) stays unused and 7 steps reach either end.
 */
export function quantizeGroup(values: Float32Array, hasZeros: boolean): QuantizedGroup {
  const min = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const max = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  const ideal = hasZeros
    ? min === max
      ? high - low
      : Math.fround(Math.fround(high - low) * FIFTEENTH)
    : Math.fround(Math.max(-low, high) * SEVENTH);
  const half = f32ToF16(Math.max(ideal, MIN_SCALE));
  const scale = f16ToF32(half);
  const zero = hasZeros ? clampCode(roundedQuotient(-low, scale)) : SYMMETRIC_ZERO;
  const codes = Uint8Array.from(values, (value) => clampCode(roundedQuotient(value, scale) + zero));
  return { scale: half, zero, codes };
}

function clampCode(code: number): number {
  return Math.min(Math.max(code, 0), 15);
}

/** `value / scale` rounded to the nearest integer, ties to even. */
function roundedQuotient(value: number, scale: number): number {
  const floor = Math.floor(value / scale);
  const middle = (floor + 0.5) * scale; // exact for the small integers that matter: a scale has 11 bits
  const roundsUp = value > middle || (value === middle && floor % 2 !== 0);
  return roundsUp ? floor + 1 : floor;
}
