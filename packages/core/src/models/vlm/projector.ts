// From a tile's pixels to rows of the language model: the tower, the choice of its rows, and the linear layers between.
// Which tiles make up an image, and where their rows go, is the runner's and the family's business.
import { invariant } from '../../errors.js';
import { gatherRows } from '../../layers/gather.js';
import { type LayerNormWeight, layerNorm } from '../../layers/layer-norm.js';
import { type LinearWeight, matmul } from '../../layers/linear.js';
import type { LoadedWeights } from '../../load/weight-loader.js';
import { type WeightSpec, wholeTensor } from '../../load/weights.js';
import { fullGrid, type PatchGrid, windowsOf } from '../vision/patch-grid.js';
import { VisionTransformer, type VitContext } from '../vision/vit.js';
import { biasName, vitWeights } from '../vision/vit-weights.js';
import { Resampler, type ResamplerContext, resamplerWeights } from './resampler.js';
import { type ProjectorLayer, type ProjectorNorm, rowsPerTile, tileRowWidth, type VlmConfig } from './vlm-config.js';

/** Name of the loaded newline row. */
export const NEWLINE = 'newline';

/** Buffers between the tower and the decoder, for one tile. */
export interface ProjectorBuffers {
  /** What {@link selectIndex} gives. */
  readonly selectIndex: GPUBuffer;
  /** f32 `[rowsPerTile, tileRowWidth]` */
  readonly selected: GPUBuffer;
  /** The same after the norm, where there is one. */
  readonly normed: GPUBuffer;
  /** f32 `[rowsPerTile, first layer's outputs]`, for a projector of two layers. */
  readonly between: GPUBuffer;
  /** f32 `[rowsPerTile, decoder's hidden]` */
  readonly projected: GPUBuffer;
}

export interface ProjectorContext extends VitContext, ResamplerContext {
  readonly projector: ProjectorBuffers;
}

export class ImageEncoder {
  readonly config: VlmConfig;
  readonly #tower: VisionTransformer;
  readonly #resampler: Resampler | undefined;
  readonly #norm: LayerNormWeight | undefined;
  readonly #layers: readonly (ProjectorLayer & { readonly weight: LinearWeight })[];

  constructor(config: VlmConfig, weights: LoadedWeights) {
    invariant(config.projector.length <= 2, 'a projector has one layer or two');
    this.config = config;
    this.#tower = new VisionTransformer(config.tower, weights);
    this.#resampler = config.resampler && new Resampler(config.resampler, weights);
    this.#norm = config.projectorNorm && normOf(config.projectorNorm, weights);
    this.#layers = config.projector.map((layer) => {
      const matrix = weights.matrices.get(layer.name);
      const bias = layer.hasBias ? weights.vectors.get(biasName(layer.name)) : undefined;
      invariant(matrix && (bias || !layer.hasBias), `the weight ${layer.name} was not loaded`);
      return { ...layer, weight: { matrix, bias } };
    });
  }

  /** The patches of a tile → its rows, in `projected`. */
  forward(ctx: ProjectorContext): void {
    const { selectIndex, selected, normed, between, projected } = ctx.projector;
    const { tower, pixelShuffle } = this.config;
    const numRows = rowsPerTile(this.config, ctx.tile.numPatches);

    const rows = this.#tower.forward(ctx);
    const shape = { numRows, width: tower.hiddenSize, groups: pixelShuffle ** 2 };
    if (this.#resampler) this.#resampler.forward(ctx, rows, selected);
    else gatherRows(ctx, shape, { source: rows, destination: selected, index: selectIndex });
    if (this.#norm) layerNorm(ctx, this.#norm, { x: selected, y: normed, numRows });
    const joined = this.#norm ? normed : selected;
    this.#layers.forEach(({ weight, activation }, i) => {
      const x = i === 0 ? joined : between;
      const y = i === this.#layers.length - 1 ? projected : between;
      matmul(ctx, weight, { x, y, numRows, epilogue: activation ?? 'store' });
    });
  }
}

function normOf({ name, epsilon }: ProjectorNorm, { vectors }: LoadedWeights): LayerNormWeight {
  const [gamma, beta] = [vectors.get(name), vectors.get(biasName(name))];
  invariant(gamma && beta, `the weight ${name} was not loaded`);
  return { gamma, beta, epsilon };
}

/** Everything the vision side reads. */
export function vlmWeights(config: VlmConfig): readonly WeightSpec[] {
  const { tower, resampler, projectorNorm, projector, hasNewline } = config;
  const specs: WeightSpec[] = [...vitWeights(tower)];
  if (resampler) specs.push(...resamplerWeights(resampler));
  if (projectorNorm) {
    const [{ name }, width] = [projectorNorm, tileRowWidth(config)];
    specs.push(row(name, width, `${name}.weight`), row(biasName(name), width, `${name}.bias`));
  }
  for (const { name, numInputs, numOutputs, hasBias, isTransposed = false } of projector) {
    const pieces = [{ ...wholeTensor(`${name}.weight`, numOutputs), isTransposed }];
    specs.push({ kind: 'matrix', name, numRows: numOutputs, numCols: numInputs, pieces, group: 'vision' });
    if (hasBias) specs.push(row(biasName(name), numOutputs, `${name}.bias`));
  }
  if (hasNewline) specs.push(row(NEWLINE, projector.at(-1)?.numOutputs ?? 0, 'newline'));
  return specs;
}

function row(name: string, length: number, tensor: string): WeightSpec {
  return { kind: 'vector', name, length, pieces: [wholeTensor(tensor, length)] };
}

/**
 * The tower's rows that make up each row of a tile, u32 `[rowsPerTile, 1 + pixelShuffle²]`: the destination row, then its
 * sources, those of a block of patches line by line. The tower has the class token last, families have it first; it has the
 * patches window by window.
 */
export function selectIndex(config: VlmConfig, grid: PatchGrid = fullGrid(config.tower)): Uint32Array<ArrayBuffer> {
  const { tower, keepsClassToken, pixelShuffle } = config;
  const { rows, cols } = grid;
  const rowOfPatch = new Uint32Array(rows * cols);
  windowsOf(tower, grid)
    .flat()
    .forEach((patch, row) => {
      rowOfPatch[patch] = row;
    });
  const index: number[] = keepsClassToken ? [0, rows * cols] : [];
  let target = keepsClassToken ? 1 : 0;
  for (let top = 0; top < rows; top += pixelShuffle) {
    for (let left = 0; left < cols; left += pixelShuffle) {
      index.push(target++);
      for (let y = top; y < top + pixelShuffle; y++) {
        for (let x = left; x < left + pixelShuffle; x++) index.push(rowOfPatch[y * cols + x] as number);
      }
    }
  }
  return new Uint32Array(index);
}
