// The f32 format: weights as they are, 4 to a unit.
import type { FloatFormat } from '../../format.js';
import { bitsToF32, f32ToBits } from '../../half.js';
import { plainFormat } from '../plain.js';
import wgsl from './f32.wgsl';

export const f32: FloatFormat = plainFormat({
  id: 'f32',
  wgsl,
  flags: {},
  width: 32,
  encode: f32ToBits,
  decode: bitsToF32,
});
