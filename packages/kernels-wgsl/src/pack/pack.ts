// Raw checkpoint rows into the planes of a weight format, on the GPU: the last step of the streaming loader.
// Where tensors and windows come from is the loader's business.
import {
  declaredWeightOptions,
  type GgmlType,
  ggmlBlocks,
  ggmlWeightOptions,
  type WeightFormatOptions,
  type WgslModule,
  weightSlot,
} from '@pagemind/quant';
import { type Binding, defineKernel, foldGrid, type Kernel, tiles, type Variant } from '../kernel.js';
import source from './pack.wgsl';
import sourceBf16 from './source-bf16.wgsl';
import sourceF8 from './source-f8.wgsl';
import sourceF16 from './source-f16.wgsl';
import sourceF32 from './source-f32.wgsl';
import sourceGgml from './source-ggml.wgsl';
import targetF32 from './target-f32.wgsl';
import targetGgml from './target-ggml.wgsl';
import targetHalves from './target-halves.wgsl';
import targetInt4 from './target-int4.wgsl';
import targetNorms from './target-norms.wgsl';
import targetVector from './target-vector.wgsl';

/** Plain element types of checkpoints. */
export type FloatSource = 'f32' | 'f16' | 'bf16';

/** Elements of a byte, which factors make numbers of. */
export type F8Source = 'e4m3' | 'e5m2';

/** What tensors are made of: plain elements, or blocks. */
export type PackSource = FloatSource | F8Source | GgmlType;

/** What a source is made of: so many elements of a row in so many bytes. */
export interface PackUnit {
  readonly bytes: number;
  readonly columns: number;
}

/** Whether a source is read with the binding `factors`. */
export function isF8(source: string): source is F8Source {
  return source === 'e4m3' || source === 'e5m2';
}

/** The unit of every source. */
export const packUnits: Readonly<Record<PackSource, PackUnit>> = {
  f32: { bytes: 4, columns: 1 },
  f16: { bytes: 2, columns: 1 },
  bf16: { bytes: 2, columns: 1 },
  e4m3: { bytes: 1, columns: 1 },
  e5m2: { bytes: 1, columns: 1 },
  ...ggmlBlocks,
};

/** `vector`: plain f32 rows; `inverse_norms`: of each row 1 / its norm, in f32. Made of plain elements. */
export type PlainTarget = 'vector' | 'inverse_norms';

/** What rows become. */
export type PackTarget = WeightFormatOptions | PlainTarget;

/** Rows of a window and where they go. A vector may be seen as rows of length 1. */
export interface PackShape {
  readonly source: PackSource;
  readonly target: PackTarget;
  /** Rows of the window, `[numRows, numCols]` without gaps. */
  readonly numRows: number;
  readonly numCols: number;
  /** Element of the source buffer where the first row starts: any number of units. */
  readonly sourceStart: number;
  /** Row `i` of the window becomes row `dst + floor(i / block) * stride + i % block`. */
  readonly dst: number;
  readonly block: number;
  readonly stride: number;
  /** Target `vector`: elements between rows; `numCols` by default. */
  readonly pitch?: number;
  /**
   * The window holds whole heads of this many rows, those of either half in turns: 0, headDim / 2, 1, headDim / 2 + 1, ...
   * They are counted, and so placed, in their right order.
   */
  readonly headDim?: number;
  /**
   * The window is stored the other way round, with a column of W after the other: `numCols` is that of W, the window has
   * `count` columns from `first` on, which is a multiple of 32 and of the target's groups, and a column begins `step`
   * elements behind the one before. For plain elements that become a matrix.
   */
  readonly columns?: { readonly first: number; readonly count: number; readonly step: number };
  /**
   * Sources of f8: columns that share a factor; all by default. The binding `factors` holds one for every row of the window and
   * run of columns.
   */
  readonly factorCols?: number;
  /** Target `vector`: an element w becomes `(w + offset) * scale`; bits stay as they are by default. */
  readonly offset?: number;
  readonly scale?: number;
}

const LANES = 64;

const sources: Readonly<Record<FloatSource, WgslModule>> = { f32: sourceF32, f16: sourceF16, bf16: sourceBf16 };
const targets: Readonly<Partial<Record<WeightFormatOptions['format'], WgslModule>>> = {
  f32: targetF32,
  f16: targetHalves,
  bf16: targetHalves,
  int4: targetInt4,
};
const plainTargets: Readonly<Record<PlainTarget, WgslModule>> = { vector: targetVector, inverse_norms: targetNorms };

/** Formats that numbers are quantised or converted to. Others take what is quantised already: blocks, or repack's numbers. */
export function isPackTarget({ format, hasBiases, numTables }: WeightFormatOptions): boolean {
  return format in targets && !hasBiases && !numTables;
}

/** The parts of a variant that follow from its source. */
type SourceParts = Pick<Variant, 'id' | 'knobs' | 'flags'> & {
  readonly reader: WgslModule;
  readonly bindings: readonly Binding[];
};

function sourceParts(from: PackSource): SourceParts {
  const bindings: readonly Binding[] = [];
  if (isF8(from)) {
    const factors: Binding = { name: 'factors', index: 5, access: 'read' };
    return {
      id: from,
      knobs: { EXPONENT_BITS: from === 'e4m3' ? 4 : 5 },
      flags: {},
      reader: sourceF8,
      bindings: [factors],
    };
  }
  if (!isGgml(from)) return { id: from, knobs: {}, flags: {}, reader: sources[from], bindings };
  const { bytes, columns, grid, codeBits, scale, codes, high, zero } = ggmlBlocks[from];
  const knobs = { BLOCK_BYTES: bytes, BLOCK_COLUMNS: columns, SCALE: scale, CODES: codes, HIGH: high, ZERO: zero };
  const place = codeBits === 8 ? 'whole' : columns === 32 ? 'small' : grid;
  const flags = { [place]: true, ...(codeBits === 5 && { fifth: true }) };
  return { id: from.toLowerCase(), knobs, flags, reader: sourceGgml, bindings };
}

function isGgml(from: PackSource): from is GgmlType {
  return Object.hasOwn(ggmlBlocks, from);
}

function isPlain(target: PackTarget): target is PlainTarget {
  return typeof target === 'string';
}

/** Whether the target takes the bits of the source's blocks as they are. */
function isExact(from: PackSource, target: PackTarget): boolean {
  return isGgml(from) && !isPlain(target) && weightSlot(ggmlWeightOptions[from]).id === weightSlot(target).id;
}

function variantOf(from: PackSource, target: PackTarget): Variant {
  const { id: sourceId, reader, bindings, ...parts } = sourceParts(from);
  const common = { requires: [], knobs: { ...parts.knobs, LANES }, flags: parts.flags };
  if (isPlain(target)) {
    const slotBindings: readonly Binding[] = [{ name: 'vector', index: 0, access: 'read_write' }, ...bindings];
    const slots = { source: reader, target: plainTargets[target] };
    return { ...common, id: `${sourceId}-${target}`, slots, slotBindings };
  }
  const { id, knobs, flags, slotBindings } = weightSlot(target);
  const base = {
    ...common,
    id: `${sourceId}-${id}`,
    slotBindings: [...slotBindings.map((binding): Binding => ({ ...binding, access: 'read_write' })), ...bindings],
  };
  if (isGgml(from) && isExact(from, target)) {
    const { grid, codeBits } = ggmlBlocks[from];
    const { hasBiases } = target;
    const highBits = codeBits % 4;
    const scales = grid === 'half' || hasBiases ? 'halves' : grid === 'pair' ? 'pairs' : grid;
    return {
      ...base,
      knobs: { ...common.knobs, CODE_BITS: codeBits - highBits, HIGH_BITS: highBits },
      flags: {
        ...common.flags,
        [scales]: true,
        ...(hasBiases && { biases: true }),
        ...(highBits > 0 && { high: true }),
      },
      slots: { target: targetGgml },
    };
  }
  const writer = targets[target.format];
  if (!writer || !isPackTarget(target)) throw new Error(`pack: ${id} is no target of ${from}`);
  const { biases, ...targetFlags } = flags;
  return {
    ...base,
    knobs: { ...knobs, ...common.knobs },
    flags: { ...targetFlags, ...common.flags, ...(isGgml(from) && { [ggmlBlocks[from].grid]: true }) },
    slots: { source: reader, target: writer },
  };
}

/** Columns of an invocation. */
function spanOf(from: PackSource, target: PackTarget, numCols: number): number {
  if (target === 'inverse_norms') return numCols;
  if (target === 'vector') return 32;
  return isExact(from, target) ? packUnits[from].columns : Math.max(target.groupSize, 32);
}

/** What is packed into what: every plain source and target; f8 as f16, f32 and int4 (of which one group size stands for all); blocks as they are, and as f32. */
export const packKinds: readonly Pick<PackShape, 'source' | 'target'>[] = [
  ...(['f32', 'f16', 'bf16'] as const).flatMap((from) =>
    [...declaredWeightOptions.filter(isPackTarget), 'vector' as const, 'inverse_norms' as const].map((target) => ({
      source: from,
      target,
    })),
  ),
  ...(['e4m3', 'e5m2'] as const).flatMap((from) =>
    [
      { format: 'f32', groupSize: 0, hasZeros: false } as const,
      { format: 'f16', groupSize: 0, hasZeros: false } as const,
      { format: 'int4', groupSize: 32, hasZeros: true } as const,
    ].map((target) => ({ source: from, target })),
  ),
  ...(Object.keys(ggmlBlocks) as GgmlType[]).flatMap((from) => [
    { source: from, target: ggmlWeightOptions[from] },
    { source: from, target: { format: 'f32', groupSize: 0, hasZeros: false } } as const,
  ]),
];

/** Elements of the binding `factors` for a shape; 0: there is none. */
export function numFactors({ source: from, numRows, numCols, factorCols = numCols }: PackShape): number {
  return isF8(from) ? numRows * tiles(numCols, factorCols) : 0;
}

/** Bytes of the binding `params`. */
export const PACK_PARAMS_BYTES = 60;

/** Contents of the binding `params` for a shape. */
export function packParams(shape: PackShape): Uint32Array<ArrayBuffer> {
  const { numRows, numCols, sourceStart, dst, block, stride } = shape;
  const { pitch = numCols, headDim = 0, factorCols = numCols, offset = 0, scale = 1, columns } = shape;
  const params = new Uint32Array(PACK_PARAMS_BYTES / 4);
  params.set([numRows, numCols, sourceStart, dst, block, stride, pitch, headDim / 2, factorCols]);
  new Float32Array(params.buffer).set([offset, scale], 9);
  params.set(columns ? [1, columns.step, columns.first, columns.count] : [numCols, 1, 0, numCols], 11);
  return params;
}

/**
 * Writes the rows of a window into the planes of a matrix with `numCols` columns (or into plain f32 rows).
 * Every row may be written once, in any order and by any number of dispatches; formats with scales need
 * planes that were zero. Blocks keep their bits where the target is the format that holds them.
 * Values are converted through f32; f16 saturates. Its pipelines have no constants: one serves all tensors of a kind.
 */
export const pack: Kernel<PackShape> = defineKernel({
  name: 'pack',
  source,
  bindings: [
    { name: 'source', index: 3, access: 'read' },
    { name: 'params', index: 4, access: 'read' },
  ],
  constants: [],
  variants: packKinds.map(({ source: from, target }) => variantOf(from, target)),
  pick: ({ source: from, target }: PackShape): Variant => variantOf(from, target),
  constantsOf: () => ({}),
  workgroupsOf({ source: from, target, numRows, numCols, columns }) {
    const span = spanOf(from, target, numCols);
    return [...foldGrid(tiles(numRows * tiles(columns?.count ?? numCols, span), LANES)), 1];
  },
});
