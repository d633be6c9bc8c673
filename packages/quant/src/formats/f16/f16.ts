// The f16 format: 8 weights to a unit, the earlier one in the low half of a word. Saturates at ±65504.
import type { FloatFormat } from '../../format.js';
import { f16ToF32, f32ToF16 } from '../../half.js';
import wgsl from '../halves.wgsl';
import { plainFormat } from '../plain.js';

export const f16: FloatFormat = plainFormat({
  id: 'f16',
  wgsl,
  flags: {},
  width: 16,
  encode: f32ToF16,
  decode: f16ToF32,
});
