// The list of weight formats. A new format is one folder and one line here; its slots reach every kernel of weights.
import type {
  FloatFormat,
  FloatFormatId,
  WeightFormat,
  WeightFormatId,
  WeightFormatOptions,
  WeightSlot,
} from '../format.js';
import { bf16 } from './bf16/bf16.js';
import { f16 } from './f16/f16.js';
import { f32 } from './f32/f32.js';
import { ggmlFormats } from './ggml/ggml.js';
import { int4 } from './int4/int4.js';
import { int8 } from './int8/int8.js';

/** The formats that any numbers can be packed in. */
export const floatFormats: Readonly<Record<FloatFormatId, FloatFormat>> = { f32, f16, bf16, int4, int8 };

/** All formats. */
export const weightFormats: Readonly<Record<WeightFormatId, WeightFormat>> = { ...floatFormats, ...ggmlFormats };

/** Parameters of a format that any numbers can be packed in. */
export type FloatFormatOptions = WeightFormatOptions & { readonly format: FloatFormatId };

/** Of {@link declaredWeightOptions}, those that any numbers can be packed in. */
export const floatWeightOptions: readonly FloatFormatOptions[] = [
  ...(['f32', 'f16', 'bf16'] as const).map((format) => ({ format, groupSize: 0, hasZeros: false })),
  ...[32, 64, 128].flatMap((groupSize) =>
    [false, true].map((hasZeros) => ({ format: 'int4' as const, groupSize, hasZeros })),
  ),
  { format: 'int4', groupSize: 64, hasZeros: false, hasBiases: true },
  { format: 'int4', groupSize: 32, hasZeros: true, numTables: 2 },
  { format: 'int8', groupSize: 32, hasZeros: false },
  { format: 'int8', groupSize: 128, hasZeros: true },
  { format: 'int8', groupSize: 64, hasZeros: false, hasBiases: true },
  { format: 'int8', groupSize: 64, hasZeros: true, numTables: 2 },
];

/** The parameters that kernels declare variants for and tests hold; other group sizes work the same way. */
export const declaredWeightOptions: readonly WeightFormatOptions[] = [
  ...floatWeightOptions,
  ...Object.values(ggmlFormats).map(({ id }) => ({ format: id, groupSize: 0, hasZeros: false })),
];

/** The slot of a format with its parameters. */
export function weightSlot(options: WeightFormatOptions): WeightSlot {
  return weightFormats[options.format].slot(options);
}
