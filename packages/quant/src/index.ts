// Public names of @pagemind/quant.
export type {
  FloatFormat,
  FloatFormatId,
  GgmlFormatId,
  PlaneBinding,
  PlaneName,
  Planes,
  WeightFormat,
  WeightFormatId,
  WeightFormatOptions,
  WeightSlot,
} from './format.js';
export { dequantizeGgml, type GgmlBlock, type GgmlType, ggmlBlocks } from './formats/ggml/blocks.js';
export { ggmlWeightOptions, repackGgml } from './formats/ggml/ggml.js';
export { type GroupedNumbers, groupedPlanes, groupTables, writeTables } from './formats/grouped.js';
export { middleCode } from './formats/quantize.js';
export {
  declaredWeightOptions,
  type FloatFormatOptions,
  floatFormats,
  floatWeightOptions,
  weightFormats,
  weightSlot,
} from './formats/registry.js';
export { type GridLayout, gridNumber, gridPlace } from './grid.js';
export { bf16ToF32, bitsToF32, f8ToF32, f16ToF32, f32ToBf16, f32ToBits, f32ToF16 } from './half.js';
export { GROUP, numBlocks, numGroups, unitIndex } from './tile-layout.js';
export type { WgslModule, WgslSegment } from './wgsl-module.js';
