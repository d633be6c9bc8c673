// Quantised checkpoints of others into the planes of a weight format, number by number, on the GPU: nothing is computed but
// the conversion of scales to f16. Recognising tensors and cutting windows is the loader's business.
import type { GridLayout, WgslModule } from '@pagemind/quant';
import { type Binding, defineKernel, foldGrid, type Kernel, tiles, type Variant } from '../kernel.js';
import { type FloatSource, type PackUnit, packUnits } from '../pack/pack.js';
import sourceBf16 from '../pack/source-bf16.wgsl';
import sourceF16 from '../pack/source-f16.wgsl';
import sourceF32 from '../pack/source-f32.wgsl';
import source from './repack.wgsl';
import targetCodes from './target-codes.wgsl';
import targetHalves from './target-halves.wgsl';
import targetZeros from './target-zeros.wgsl';

/** Numbers of checkpoints: unsigned ones of 4 or 8 bits, and floats. */
export type RepackSource = 'u4' | 'u8' | FloatSource;

/** The unit of every source: numbers that share a word begin with one. */
export const repackUnits: Readonly<Record<RepackSource, PackUnit>> = {
  u4: { bytes: 4, columns: 8 },
  u8: { bytes: 4, columns: 4 },
  f32: packUnits.f32,
  f16: packUnits.f16,
  bf16: packUnits.bf16,
};

/** What becomes of the numbers: codes, zero points, or halves (scales and biases). */
export type RepackTarget = 'codes' | 'zeros' | 'halves';

/** A window of a checkpoint's tensor and where its numbers go. */
export interface RepackShape {
  readonly source: RepackSource;
  readonly target: RepackTarget;
  readonly layout: Omit<GridLayout, 'bits'>;
  /** Rows of the window. */
  readonly numRows: number;
  /** Groups of the window: 32 columns of codes, or one zero point or half for each row. */
  readonly numGroups: number;
  readonly firstGroup: number;
  /** Groups of a whole row in the plane. Zero points: and the word of a table, where there are tables. */
  readonly rowGroups: number;
  /** Row `i` of the window becomes row `dst + floor(i / block) * stride + i % block`. */
  readonly dst: number;
  readonly block: number;
  readonly stride: number;
  /** Number of the source buffer where the window's first line starts. */
  readonly sourceStart: number;
  /** The window's first row: its place in a line if lines are columns, else lines before it. */
  readonly firstRow: number;
  /** Column (or group) of the window's first line, if lines are columns; else 0. */
  readonly firstColumn: number;
  /** What the checkpoint left out of zero points. */
  readonly added: number;
}

/** Bytes of {@link repackParams}. */
export const REPACK_PARAMS_BYTES = 64;

const LANES = 64;

const floats: Readonly<Record<FloatSource, WgslModule>> = { f32: sourceF32, f16: sourceF16, bf16: sourceBf16 };
const slotBindings: readonly Binding[] = [{ name: 'plane', index: 0, access: 'read_write' }];

function variantOf(target: RepackTarget, from: RepackSource): Variant {
  const common = { id: `${target}-${from}`, flags: {}, requires: [], slotBindings };
  if (from === 'u4' || from === 'u8') {
    const slots = { target: target === 'codes' ? targetCodes : targetZeros };
    return { ...common, knobs: { LANES, BITS: from === 'u4' ? 4 : 8 }, slots };
  }
  return { ...common, knobs: { LANES }, slots: { target: targetHalves, source: floats[from] } };
}

/** Contents of the binding `params` for a shape. */
export function repackParams(shape: RepackShape): Uint32Array<ArrayBuffer> {
  const { layout, numRows, numGroups, firstGroup, rowGroups, dst, block, stride } = shape;
  const { isTransposed, isAcross, isInterleaved, pitch } = layout;
  return Uint32Array.of(
    ...[numRows, numGroups, firstGroup, rowGroups, dst, block, stride],
    ...[shape.sourceStart, shape.firstRow, shape.firstColumn, pitch],
    ...[isTransposed, isAcross, isInterleaved].map(Number),
    ...[shape.added, 0],
  );
}

/**
 * Writes the numbers of a window into the binding `plane`: the plane of a weight format that they belong to, all zeros
 * before. Every number may be written once, in any order and by any number of dispatches.
 */
export const repack: Kernel<RepackShape> = defineKernel({
  name: 'repack',
  source,
  bindings: [
    { name: 'source', index: 3, access: 'read' },
    { name: 'params', index: 4, access: 'read' },
  ],
  constants: [],
  variants: [
    variantOf('codes', 'u4'),
    variantOf('codes', 'u8'),
    variantOf('zeros', 'u4'),
    variantOf('zeros', 'u8'),
    ...(['f32', 'f16', 'bf16'] as const).map((from) => variantOf('halves', from)),
  ],
  pick: ({ target, source: from }: RepackShape): Variant => variantOf(target, from),
  constantsOf: () => ({}),
  workgroupsOf: ({ numRows, numGroups }) => [...foldGrid(tiles(numRows * numGroups, LANES)), 1],
});
