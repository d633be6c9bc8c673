// From a tile's pixels to rows of the language model: the tower, the choice of its rows, and the linear layers between.
// Which tiles make up an image, and where their rows go, is the runner's and the family's business.
import { invariant } from '../../errors.js';
import { rowStride } from '../../layers/context.js';
import { gatherRows } from '../../layers/gather.js';
import { type LayerNormWeight, layerNorm } from '../../layers/layer-norm.js';
import { type LinearWeight, matmul, type OutputPart } from '../../layers/linear.js';
import type { LoadedWeights } from '../../load/weight-loader.js';
import { type WeightPiece, type WeightSpec, wholeTensor } from '../../load/weights.js';
import { fullGrid, type PatchGrid, patchOrder } from '../vision/patch-grid.js';
import { type SamContext, SamEncoder, samWeights } from '../vision/sam-encoder.js';
import { type TileShape, VisionTransformer, type VitContext } from '../vision/vit.js';
import { biasName, vitWeights } from '../vision/vit-weights.js';
import { QFormer, type QFormerContext, qformerWeights } from './qformer.js';
import { Resampler, type ResamplerContext, type ResamplerShape, resamplerWeights } from './resampler.js';
import {
  betweenWidth,
  extraRowsOf,
  type ProjectorLayer,
  type ProjectorNorm,
  rowsPerTile,
  tileRowWidth,
  type VlmConfig,
} from './vlm-config.js';

/** Name of the loaded rows that lie behind those of all tiles, in converted checkpoints too. */
export const EXTRA_ROWS = 'newline';

/** Buffers between the tower and the decoder, for one tile. */
export interface ProjectorBuffers {
  /** What {@link selectIndex} gives. */
  readonly selectIndex: GPUBuffer;
  /** f32 `[rowsPerTile, tileRowWidth]` */
  readonly selected: GPUBuffer;
  /** The same after the norm, where there is one. */
  readonly normed: GPUBuffer;
  /** f32 `[rowsPerTile, betweenWidth]`, for a projector of two layers. */
  readonly between: GPUBuffer;
  /** f32 `[rowsPerTile, outputs]`: what layers give to the norms behind them, where there are any. */
  readonly unnormed: GPUBuffer;
  /** f32 `[rowsPerTile, decoder's hidden]` */
  readonly projected: GPUBuffer;
}

export interface ProjectorContext extends Omit<VitContext, 'tile'>, Omit<ResamplerContext, 'tile'> {
  readonly tile: TileShape & ResamplerShape;
  /** Where a Q-Former computes. */
  readonly qformer?: Pick<QFormerContext, 'qformer' | 'tile'> | undefined;
  readonly projector: ProjectorBuffers;
  /** Where a second tower looks at the same tile. */
  readonly highRes?: Pick<SamContext, 'vit' | 'tile' | 'sam'> | undefined;
}

interface LoadedLayer extends Pick<ProjectorLayer, 'activation' | 'numOutputs'> {
  readonly weight: LinearWeight;
  readonly norm: LayerNormWeight | undefined;
}

export class ImageEncoder {
  readonly config: VlmConfig;
  readonly #tower: VisionTransformer;
  readonly #resampler: Resampler | undefined;
  readonly #qformer: QFormer | undefined;
  readonly #norm: LayerNormWeight | undefined;
  readonly #layers: readonly LoadedLayer[];
  readonly #highRes: { readonly sam: SamEncoder; readonly layer: LoadedLayer } | undefined;

  constructor(config: VlmConfig, weights: LoadedWeights) {
    invariant(config.projector.length <= 2, 'a projector has one layer or two');
    this.config = config;
    this.#tower = new VisionTransformer(config.tower, weights);
    this.#resampler = config.resampler && new Resampler(config.resampler, weights);
    this.#qformer = config.qformer && new QFormer(config.qformer, weights);
    this.#norm = config.projectorNorm && normOf(config.projectorNorm, weights);
    const { projector, highRes } = config;
    const load = (layer: ProjectorLayer, bias = biasName(layer.name)): LoadedLayer => {
      const matrix = weights.matrices.get(layer.name);
      const loaded = layer.hasBias ? weights.vectors.get(bias) : undefined;
      invariant(matrix && (loaded || !layer.hasBias), `the weight ${layer.name} was not loaded`);
      const { activation, numOutputs } = layer;
      invariant(!layer.norm || !activation || activation === 'gelu', 'behind a norm there is GELU, or nothing');
      const norm = layer.norm && normOf(layer.norm, weights);
      return { activation, numOutputs, weight: { matrix, bias: loaded }, norm };
    };
    this.#layers = projector.map((layer) => load(layer));
    this.#highRes = highRes && {
      sam: new SamEncoder(highRes.sam, weights),
      layer: load(highRes.projector, biasName(projector[0]?.name ?? '')),
    };
  }

  /** The patches of a tile → its rows, in `projected`. */
  forward(ctx: ProjectorContext): void {
    const { selectIndex, selected, normed, between, unnormed, projected } = ctx.projector;
    const { tower, pixelShuffle } = this.config;
    const numRows = rowsPerTile(this.config, ctx.tile.numPatches);

    const rows = this.#tower.forward(ctx);
    const shape = { numRows, width: tower.hiddenSize, groups: pixelShuffle ** 2 };
    const queries = this.#qformer && this.#query(ctx, this.#qformer, rows);
    if (this.#resampler) this.#resampler.forward(ctx, rows, selected);
    else if (!queries) gatherRows(ctx, shape, { source: rows, destination: selected, index: selectIndex });
    const found = queries ?? selected;
    if (this.#norm) layerNorm(ctx, this.#norm, { x: found, y: normed, numRows });
    const joined = this.#norm ? normed : found;
    const part = this.#highRes && this.#projectHighRes(ctx, this.#highRes, numRows);
    this.#layers.forEach(({ weight, activation, norm }, i) => {
      const x = i === 0 ? joined : between;
      const y = i === this.#layers.length - 1 ? projected : between;
      if (norm) {
        matmul(ctx, weight, { x, y: unnormed, numRows });
        layerNorm(ctx, norm, { x: unnormed, y, numRows, activation: activation && 'gelu' });
      } else {
        matmul(ctx, weight, { x, y, numRows, epilogue: activation ?? 'store', part: i === 0 ? part : undefined });
      }
    });
  }

  #query({ qformer: parts, profile, dispatch }: ProjectorContext, qformer: QFormer, rows: GPUBuffer): GPUBuffer {
    invariant(parts, 'a Q-Former has its buffers');
    return qformer.forward({ profile, dispatch, ...parts }, rows);
  }

  /** The second tower's part of the rows between; gives where the first one's is. */
  #projectHighRes(
    ctx: ProjectorContext,
    { sam, layer }: { readonly sam: SamEncoder; readonly layer: LoadedLayer },
    numRows: number,
  ): OutputPart {
    const { highRes, projector, profile, dispatch } = ctx;
    invariant(highRes, 'a second tower has its buffers');
    const x = sam.forward({ profile, dispatch, ...highRes });
    const { weight, activation, numOutputs } = layer;
    const width = betweenWidth(this.config);
    const epilogue = activation ?? 'store';
    matmul(ctx, weight, { x, y: projector.between, numRows, epilogue, part: { start: 0, width } });
    return { start: numOutputs, width };
  }
}

function normOf({ name, epsilon }: ProjectorNorm, { vectors }: LoadedWeights): LayerNormWeight {
  const [gamma, beta] = [vectors.get(name), vectors.get(biasName(name))];
  invariant(gamma && beta, `the weight ${name} was not loaded`);
  return { gamma, beta, epsilon };
}

/** Everything the vision side reads. */
export function vlmWeights(config: VlmConfig): readonly WeightSpec[] {
  const { tower, resampler, qformer, projectorNorm, projector, highRes } = config;
  const specs: WeightSpec[] = [...vitWeights(tower), ...(highRes ? samWeights(highRes.sam) : [])];
  if (resampler) specs.push(...resamplerWeights(resampler));
  if (qformer) specs.push(...qformerWeights(qformer));
  if (projectorNorm) specs.push(...normRows(projectorNorm, tileRowWidth(config)));
  const layers = highRes ? [highRes.projector, ...projector] : projector;
  for (const { name, numInputs, numOutputs, isTransposed = false, norm } of layers) {
    const pieces = [{ ...wholeTensor(`${name}.weight`, numOutputs), isTransposed }];
    specs.push({ kind: 'matrix', name, numRows: numOutputs, numCols: numInputs, pieces, group: 'vision' });
    if (norm) specs.push(...normRows(norm, numOutputs));
  }
  projector.forEach((layer, i) => {
    // Of products that make parts of a row, biases are one vector.
    const parts = i === 0 && highRes ? [highRes.projector, layer] : [layer];
    if (layer.hasBias) specs.push(biasesOf(layer.name, parts));
  });
  const width = projector.at(-1)?.numOutputs ?? 0;
  const extra = extraRowsOf(config).map((tensor, i) => wholeTensor(tensor, width, i * rowStride(width)));
  if (extra.length > 0) {
    specs.push({ kind: 'vector', name: EXTRA_ROWS, length: extra.length * rowStride(width), pieces: extra });
  }
  return specs;
}

function biasesOf(name: string, parts: readonly ProjectorLayer[]): WeightSpec {
  let length = 0;
  const pieces = parts.map((part): WeightPiece => {
    length += part.numOutputs;
    return wholeTensor(`${part.name}.bias`, part.numOutputs, length - part.numOutputs);
  });
  return { kind: 'vector', name: biasName(name), length, pieces };
}

function normRows({ name }: ProjectorNorm, width: number): readonly WeightSpec[] {
  return [row(name, width, `${name}.weight`), row(biasName(name), width, `${name}.bias`)];
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
  patchOrder(tower, grid).forEach((patch, row) => {
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
