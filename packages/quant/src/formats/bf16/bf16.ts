// The bf16 format: 8 weights to a unit, the earlier one in the low half of a word.
import type { FloatFormat } from '../../format.js';
import { bf16ToF32, f32ToBf16 } from '../../half.js';
import wgsl from '../halves.wgsl';
import { plainFormat } from '../plain.js';

export const bf16: FloatFormat = plainFormat({
  id: 'bf16',
  wgsl,
  flags: { bf16: true },
  width: 16,
  encode: f32ToBf16,
  decode: bf16ToF32,
});
