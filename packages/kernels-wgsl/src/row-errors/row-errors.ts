// How far two buffers of rows are apart, row by row: the loss of a search, without bringing the rows back.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import reduceSubgroup from '../lib/reduce-subgroup.wgsl';
import reduceWorkgroup from '../lib/reduce-workgroup.wgsl';
import source from './row-errors.wgsl';

/** Rows to compare, at most 65,535. */
export interface RowErrorsShape {
  readonly numRows: number;
  /** Elements between rows, a multiple of 4; all of them count. */
  readonly stride: number;
}

const portable: Variant = {
  id: 'portable',
  knobs: { LANES: 64 },
  flags: {},
  slots: { reduce: reduceWorkgroup },
  requires: [],
};
const subgroup: Variant = { ...portable, id: 'subgroup', slots: { reduce: reduceSubgroup }, requires: ['subgroups'] };
const narrow: Variant = { ...portable, id: 'narrow', knobs: { LANES: 8 } };

/** `errors[row] = |a[row] - b[row]|²`; a, b f32 `[numRows, stride]`, errors f32 `[numRows]`. */
export const rowErrors: Kernel<RowErrorsShape> = defineKernel({
  name: 'row-errors',
  source,
  bindings: [
    { name: 'a', index: 0, access: 'read' },
    { name: 'b', index: 1, access: 'read' },
    { name: 'errors', index: 2, access: 'read_write' },
  ],
  constants: ['STRIDE'],
  variants: [portable, subgroup, narrow],
  pick(_shape: RowErrorsShape, profile: DeviceProfile): Variant {
    if (profile.isCpu) return narrow;
    return supports(profile, subgroup) ? subgroup : portable;
  },
  constantsOf: ({ stride }) => ({ STRIDE: stride }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
