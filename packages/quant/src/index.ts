// Public names of @pagemind/quant.
export { searchRanges } from './awq/clip.js';
export { dequantizeMatrix, type GridOptions, quantizeMatrix } from './awq/quantize.js';
export { DEFAULT_RATIO, divideRows, NUM_RATIOS, scaleColumns, smoothingScales, weightTerms } from './awq/smooth.js';
export { absmeanOf, type BatchStatistics, type InputStatistics, joinStatistics } from './awq/statistics.js';
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
export { type GptqOptions, quantizeGptq } from './gptq/gptq.js';
export { type GridLayout, gridNumber, gridPlace, writeGrid } from './grid.js';
export { bf16ToF32, bitsToF32, f8ToF32, f16ToF32, f32ToBf16, f32ToBits, f32ToF16 } from './half.js';
export type { Matrix, QuantizedMatrix } from './matrix.js';
export { type StoredLayout, type StoredTensor, storeMatrix } from './stored-layouts.js';
export { GROUP, numBlocks, numGroups, unitIndex } from './tile-layout.js';
export type { WgslModule, WgslSegment } from './wgsl-module.js';
