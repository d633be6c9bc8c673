// Second moments of the inputs of a linear, for GPTQ and for searching ranges.
import { defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import source from './column-products.wgsl';

/** Rows of activations. */
export interface ColumnProductsShape {
  readonly numRows: number;
  /** Elements between rows, a multiple of 4. */
  readonly stride: number;
}

const gpu: Variant = { id: 'gpu', knobs: { LANES: 8 }, flags: {}, slots: {}, requires: [] };
const cpu: Variant = { id: 'cpu', knobs: { LANES: 2 }, flags: {}, slots: {}, requires: [] };

/** Adds xᵀ x to sums; x f32 `[numRows, stride]`, sums f32 `[stride, stride]`. */
export const columnProducts: Kernel<ColumnProductsShape> = defineKernel({
  name: 'column-products',
  source,
  bindings: [
    { name: 'x', index: 0, access: 'read' },
    { name: 'sums', index: 1, access: 'read_write' },
  ],
  constants: ['NUM_ROWS', 'STRIDE'],
  variants: [gpu, cpu],
  pick: (_shape: ColumnProductsShape, profile) => (profile.isCpu ? cpu : gpu),
  constantsOf: ({ numRows, stride }) => ({ NUM_ROWS: numRows, STRIDE: stride }),
  workgroupsOf({ stride }, variant) {
    const side = tiles(stride / 4, Number(variant.knobs['LANES']));
    return [side, side, 1];
  },
});
