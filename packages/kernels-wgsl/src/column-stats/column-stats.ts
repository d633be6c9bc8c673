// What quantisation wants to know of the inputs of a linear, column by column, without bringing them back from the GPU.
import { defineKernel, type Kernel, tiles, type Variant } from '../kernel.js';
import source from './column-stats.wgsl';

/** Rows of activations. */
export interface ColumnStatsShape {
  readonly numRows: number;
  /** Elements between rows. */
  readonly stride: number;
}

const gpu: Variant = { id: 'gpu', knobs: { LANES: 64 }, flags: {}, slots: {}, requires: [] };
const cpu: Variant = { id: 'cpu', knobs: { LANES: 8 }, flags: {}, slots: {}, requires: [] };

/** x f32 `[numRows, stride]` → stats f32 `[4, stride]`: least, greatest, sum, and sum of magnitudes of every column. */
export const columnStats: Kernel<ColumnStatsShape> = defineKernel({
  name: 'column-stats',
  source,
  bindings: [
    { name: 'x', index: 0, access: 'read' },
    { name: 'stats', index: 1, access: 'read_write' },
  ],
  constants: ['NUM_ROWS', 'STRIDE'],
  variants: [gpu, cpu],
  pick: (_shape: ColumnStatsShape, profile) => (profile.isCpu ? cpu : gpu),
  constantsOf: ({ numRows, stride }) => ({ NUM_ROWS: numRows, STRIDE: stride }),
  workgroupsOf: ({ stride }, variant) => [tiles(stride, Number(variant.knobs['LANES'])), 1, 1],
});
