// f64 reference of embed.
import { FROM_STATE, IMAGE_ROW } from '../lib/row.js';
import type { EmbedShape } from './embed.js';

/** Words of a `Row`: slot, position, token, rope row. */
const ROW_WORDS = 4;
/** Words of a `SlotState`: token, flags, step, reserved. */
const STATE_WORDS = 4;

/**
 * Returns the residual `[numRows, stride]`; rows of pictures and those whose token or position lies outside the table's
 * part keep what `before` holds.
 * @param table the part of the table, `[numTokens, width]`
 */
export function embedReference(
  shape: EmbedShape,
  table: Float32Array,
  rows: Uint32Array,
  slotState: Uint32Array,
  before: Float32Array,
): Float64Array {
  const { numRows, width, vocab, firstToken = 0, numTokens = vocab - firstToken, scale = 1, by = 'token' } = shape;
  const stride = Math.ceil(width / 32) * 32;
  const residual = Float64Array.from(before);
  for (let row = 0; row < numRows; row++) {
    const [slot = 0, position = 0, named = 0] = rows.subarray(row * ROW_WORDS);
    if (by === 'token' && named === IMAGE_ROW) continue;
    const token = named === FROM_STATE ? (slotState[slot * STATE_WORDS] ?? 0) : named;
    const index = (by === 'position' ? position : token < vocab ? token : 0) - firstToken;
    if (index < 0 || index >= numTokens) continue;
    for (let i = 0; i < stride; i++) {
      const value = i < width ? (table[index * width + i] ?? 0) * scale : 0;
      residual[row * stride + i] = value + (by === 'position' ? (before[row * stride + i] ?? 0) : 0);
    }
  }
  return residual;
}
