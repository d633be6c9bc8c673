// The int4 format: a unit is 32 codes of 4 bits.
import type { FloatFormat } from '../../format.js';
import { groupedFormat } from '../grouped.js';
import wgsl from './int4.wgsl';
import halfWgsl from './int4-half.wgsl';
import tablesWgsl from './int4-tables.wgsl';

export const int4: FloatFormat = groupedFormat({ id: 'int4', bits: 4, wgsl, halfWgsl, tablesWgsl });
