// Raw checkpoint rows into the planes of a weight format, on the GPU: the last step of the streaming loader.
// Where tensors and windows come from is the loader's business.
import { declaredWeightOptions, type WeightFormatOptions, type WgslModule, weightSlot } from '@pagemind/quant';
import { type Binding, defineKernel, foldGrid, type Kernel, tiles, type Variant } from '../kernel.js';
import source from './pack.wgsl';
import sourceBf16 from './source-bf16.wgsl';
import sourceF16 from './source-f16.wgsl';
import sourceF32 from './source-f32.wgsl';
import targetF32 from './target-f32.wgsl';
import targetHalves from './target-halves.wgsl';
import targetInt4 from './target-int4.wgsl';
import targetNorms from './target-norms.wgsl';
import targetVector from './target-vector.wgsl';

/** Element types of checkpoints that the kernel reads. */
export type PackSource = 'f32' | 'f16' | 'bf16';

/** A weight format; `vector`: plain f32 rows; or `inverse_norms`: of each row 1 / its norm, in f32. */
export type PackTarget = WeightFormatOptions | 'vector' | 'inverse_norms';

/** Rows of a window and where they go. A vector may be seen as rows of length 1. */
export interface PackShape {
  readonly source: PackSource;
  readonly target: PackTarget;
  /** Rows of the window, `[numRows, numCols]` without gaps. */
  readonly numRows: number;
  readonly numCols: number;
  /** Element of the source buffer where the first row starts; any number. */
  readonly sourceStart: number;
  /** Row `i` of the window becomes row `dst + floor(i / block) * stride + i % block`. */
  readonly dst: number;
  readonly block: number;
  readonly stride: number;
  /** Target `vector`: elements between rows; `numCols` by default. */
  readonly pitch?: number;
  /** Target `vector`: an element w becomes `(w + offset) * scale`; bits stay as they are by default. */
  readonly offset?: number;
  readonly scale?: number;
}

const LANES = 64;

const sources: Readonly<Record<PackSource, WgslModule>> = { f32: sourceF32, f16: sourceF16, bf16: sourceBf16 };
const targets: Readonly<Partial<Record<WeightFormatOptions['format'], WgslModule>>> = {
  f32: targetF32,
  f16: targetHalves,
  bf16: targetHalves,
  int4: targetInt4,
};

/** Formats that the kernel quantises or converts to. Others come as they are, from checkpoints that have them (repack). */
export function isPackTarget({ format, hasBiases, numTables }: WeightFormatOptions): boolean {
  return format in targets && !hasBiases && !numTables;
}

function variantOf(from: PackSource, target: PackTarget): Variant {
  const common = { requires: [], slots: { source: sources[from] } };
  if (target === 'vector' || target === 'inverse_norms') {
    const slotBindings: readonly Binding[] = [{ name: 'vector', index: 0, access: 'read_write' }];
    const slots = { ...common.slots, target: target === 'vector' ? targetVector : targetNorms };
    return { ...common, id: `${from}-${target}`, knobs: { LANES }, flags: {}, slots, slotBindings };
  }
  const module = targets[target.format];
  if (!module || !isPackTarget(target)) throw new Error(`pack: ${weightSlot(target).id} is no target`);
  const { id, knobs, flags, slotBindings } = weightSlot(target);
  const { biases, ...targetFlags } = flags;
  return {
    ...common,
    id: `${from}-${id}`,
    knobs: { ...knobs, LANES },
    flags: targetFlags,
    slots: { ...common.slots, target: module },
    slotBindings: slotBindings.map((binding) => ({ ...binding, access: 'read_write' })),
  };
}

/** Bytes of the binding `params`. */
export const PACK_PARAMS_BYTES = 36;

/** Contents of the binding `params` for a shape. */
export function packParams(shape: PackShape): Uint32Array<ArrayBuffer> {
  const { numRows, numCols, sourceStart, dst, block, stride, pitch = numCols, offset = 0, scale = 1 } = shape;
  const params = Uint32Array.of(numRows, numCols, sourceStart, dst, block, stride, pitch, 0, 0);
  new Float32Array(params.buffer).set([offset, scale], 7);
  return params;
}

/**
 * Writes the rows of a window into the planes of a matrix with `numCols` columns (or into plain f32 rows).
 * Every row may be written once, in any order and by any number of dispatches; int4 needs planes that were zero.
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
  variants: (['f32', 'f16', 'bf16'] as const).flatMap((from) =>
    [...declaredWeightOptions.filter(isPackTarget), 'vector' as const, 'inverse_norms' as const].map((target) =>
      variantOf(from, target),
    ),
  ),
  pick: ({ source: from, target }: PackShape): Variant => variantOf(from, target),
  constantsOf: () => ({}),
  workgroupsOf({ target, numRows, numCols }) {
    const span = target === 'inverse_norms' ? numCols : target === 'vector' ? 32 : Math.max(target.groupSize, 32);
    return [...foldGrid(tiles(numRows * tiles(numCols, span), LANES)), 1];
  },
});
