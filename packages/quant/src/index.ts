// Public names of @pagemind/quant.
export type {
  PlaneBinding,
  PlaneName,
  Planes,
  WeightFormat,
  WeightFormatId,
  WeightFormatOptions,
  WeightSlot,
} from './format.js';
export { type GroupedNumbers, groupedPlanes, groupTables, writeTables } from './formats/grouped.js';
export { middleCode } from './formats/quantize.js';
export { declaredWeightOptions, weightFormats, weightSlot } from './formats/registry.js';
export { type GridLayout, gridNumber, gridPlace } from './grid.js';
export { bf16ToF32, bitsToF32, f16ToF32, f32ToBf16, f32ToBits, f32ToF16 } from './half.js';
export { GROUP, numBlocks, numGroups, unitIndex } from './tile-layout.js';
export type { WgslModule, WgslSegment } from './wgsl-module.js';
