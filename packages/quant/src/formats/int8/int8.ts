// The int8 format: a unit is 16 codes of 8 bits.
import type { FloatFormat } from '../../format.js';
import { groupedFormat } from '../grouped.js';
import wgsl from './int8.wgsl';
import tablesWgsl from './int8-tables.wgsl';

export const int8: FloatFormat = groupedFormat({ id: 'int8', bits: 8, wgsl, tablesWgsl });
