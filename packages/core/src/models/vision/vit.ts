// The forward pass of every vision transformer, from the patches of one tile to its rows, read from top to bottom. What
// differs between towers is in VisionConfig; what a family does with the rows is in vlm/.
import { NO_ROW } from '@pagemind/kernels-wgsl';
import { invariant } from '../../errors.js';
import type { KernelContext } from '../../layers/context.js';
import { encoderAttention, relativePositions, turnEncoderHeads } from '../../layers/encoder-attention.js';
import { gatherRows } from '../../layers/gather.js';
import { type LinearWeight, matmul } from '../../layers/linear.js';
import { type NormWeight, normRows } from '../../layers/norm.js';
import type { LoadedVector, LoadedWeights } from '../../load/weight-loader.js';
import { CUBIC_TAPS, type Interpolation } from './interpolation.js';
import { fullGrid, type PatchGrid, patchOrder, tileSize } from './patch-grid.js';
import { attentionSide, hasWindows, numPatches, numVisionTokens, type VisionConfig } from './vision-config.js';
import { biasName, VISION, type VisionRole, visionNames } from './vit-weights.js';

/** Buffers that a tile is computed in; rows of activations are padded to a multiple of 32 elements with zeros. */
export interface VitBuffers {
  /** f32 `[numPatches, 3 * numFrames * patchSize²]`: what {@link patchify} gives. */
  readonly patches: GPUBuffer;
  /** What {@link positionIndex} gives, or an {@link Interpolation}, for learned positions. */
  readonly positionIndex: GPUBuffer;
  /** Of an {@link Interpolation}. */
  readonly positionWeights: GPUBuffer;
  /** What {@link rotaryTable} gives, for rotary ones. */
  readonly turns: GPUBuffer;
  /** Query tiles of the attention over all rows, u32 `[numTiles, 4]`. */
  readonly attentionTiles: GPUBuffer;
  /** Those of the attention within windows. */
  readonly windowTiles: GPUBuffer;
  /** What {@link windowMoves} gives. */
  readonly intoWindows: GPUBuffer;
  readonly outOfWindows: GPUBuffer;
  /** f32 `[numTokens, hidden]`: the residual stream. */
  readonly residual: GPUBuffer;
  /** f32 `[numTokens, hidden]` */
  readonly normed: GPUBuffer;
  /** f32 `[numTokens or numWindowRows, 3 * hidden]` */
  readonly qkv: GPUBuffer;
  /** f32 `[numTokens or numWindowRows, hidden]` */
  readonly heads: GPUBuffer;
  /** f32 `[numTokens or numWindowRows, numHeads, 2 * side]`, with relative positions. */
  readonly relative: GPUBuffer;
  /** f32 `[numTokens, intermediate]` */
  readonly mlp: GPUBuffer;
}

/** The numbers of a tile that decide its dispatches. */
export interface TileShape {
  readonly numPatches: number;
  /** Patches, and the class token. */
  readonly numTokens: number;
  readonly numAttentionTiles: number;
  readonly numWindowTiles: number;
  /** Rows of padded windows. */
  readonly numWindowRows: number;
}

export interface VitContext extends KernelContext {
  readonly vit: VitBuffers;
  readonly tile: TileShape;
}

interface VitLayer {
  readonly norm1: NormWeight;
  readonly qkv: LinearWeight;
  /** Of relative positions. */
  readonly distances: LoadedVector | undefined;
  readonly output: LinearWeight;
  readonly scale1: LoadedVector | undefined;
  readonly norm2: NormWeight;
  readonly up: LinearWeight;
  readonly down: LinearWeight;
  readonly scale2: LoadedVector | undefined;
}

export class VisionTransformer {
  readonly config: VisionConfig;
  readonly #patches: LinearWeight;
  readonly #positions: LoadedVector | undefined;
  readonly #preNorm: NormWeight | undefined;
  readonly #layers: readonly VitLayer[];
  readonly #postNorm: NormWeight | undefined;

  /** @param stem of the names of its weights */
  constructor(config: VisionConfig, weights: LoadedWeights, stem: string = VISION) {
    this.config = config;
    const names = visionNames(stem);
    const vector = (name: string): LoadedVector => {
      const loaded = weights.vectors.get(name);
      invariant(loaded, `the weight ${name} was not loaded`);
      return loaded;
    };
    const linear = (name: string, bias: LoadedVector | undefined): LinearWeight => {
      const matrix = weights.matrices.get(name);
      invariant(matrix, `the weight ${name} was not loaded`);
      return { matrix, bias };
    };
    const biased = (name: string): LinearWeight => linear(name, vector(biasName(name)));
    const norm = (name: string): NormWeight => ({
      type: config.norm === 'layer' ? 'layer_norm' : 'rms_norm',
      gamma: vector(name),
      beta: config.norm === 'layer' ? vector(biasName(name)) : undefined,
      epsilon: config.normEpsilon,
    });
    const scale = (name: string): LoadedVector | undefined => (config.hasLayerScale ? vector(name) : undefined);
    this.#patches = linear(names.patches, config.hasPatchBias ? vector(names.patchBias) : undefined);
    this.#positions = config.positions === 'learned' ? vector(names.positions) : undefined;
    this.#preNorm = config.hasPreNorm ? norm(names.preNorm) : undefined;
    this.#postNorm = config.hasPostNorm
      ? { ...norm(names.postNorm), epsilon: config.postNormEpsilon ?? config.normEpsilon }
      : undefined;
    this.#layers = Array.from({ length: config.numLayers }, (_, layer) => {
      const name = (role: VisionRole): string => names.layer(layer, role);
      return {
        norm1: norm(name('norm1')),
        qkv: biased(name('qkv')),
        distances: config.hasRelativePositions ? vector(name('distances')) : undefined,
        output: biased(name('output')),
        scale1: scale(name('scale1')),
        norm2: norm(name('norm2')),
        up: biased(name('up')),
        down: biased(name('down')),
        scale2: scale(name('scale2')),
      };
    });
  }

  /**
   * The patches of a tile → its rows, `[numTokens, hidden]`; gives the buffer that holds them.
   * @param afterLayer sees the rows after each layer, for models that use more than the last ones
   */
  forward(ctx: VitContext, afterLayer?: (layer: number, rows: GPUBuffer) => void): GPUBuffer {
    const { patches, residual, normed, mlp } = ctx.vit;
    const { activation, hasClassToken, hasPatchBias } = this.config;
    const { numTokens: numRows, numPatches } = ctx.tile;

    const embedded = this.#preNorm ? normed : residual;
    if (this.#positions) this.#place(ctx, this.#positions, embedded, numRows);
    const epilogue = this.#positions ? 'add' : 'store';
    matmul(ctx, this.#patches, { x: patches, y: embedded, numRows: numPatches, epilogue });
    // Products write rows beyond those asked for, here a bias to the class token: it is put there once more.
    if (this.#positions && hasClassToken && hasPatchBias) this.#place(ctx, this.#positions, embedded, 1);
    if (this.#preNorm) normRows(ctx, this.#preNorm, { x: normed, y: residual, numRows });
    const add = (weight: LinearWeight, x: GPUBuffer, rowScale: LoadedVector | undefined): void =>
      matmul(ctx, weight, { x, y: residual, numRows, epilogue: rowScale ? 'add_scaled' : 'add', rowScale });

    this.#layers.forEach((layer, index) => {
      normRows(ctx, layer.norm1, { x: residual, y: normed, numRows });
      add(layer.output, this.#attend(ctx, layer, index), layer.scale1);
      normRows(ctx, layer.norm2, { x: residual, y: normed, numRows });
      matmul(ctx, layer.up, { x: normed, y: mlp, numRows, epilogue: activation });
      add(layer.down, mlp, layer.scale2);
      afterLayer?.(index, residual);
    });
    if (!this.#postNorm) return residual;
    normRows(ctx, this.#postNorm, { x: residual, y: normed, numRows });
    return normed;
  }

  /** Learned positions, and the class token, which is the first: the patches are added to them. */
  #place(ctx: VitContext, { buffer: source }: LoadedVector, destination: GPUBuffer, numRows: number): void {
    const { hiddenSize: width, positionsSide } = this.config;
    const { positionIndex: index, positionWeights: weights } = ctx.vit;
    const shape = { numRows, width, sourceStride: width };
    if (positionsSide === undefined) gatherRows(ctx, { ...shape, taps: 2 }, { source, destination, index });
    else gatherRows(ctx, { ...shape, taps: CUBIC_TAPS }, { source, destination, index, weights });
  }

  /** What rows see of all others, or of those in their window, before the output's product; gives the buffer that holds it. */
  #attend(ctx: VitContext, { qkv: weight, distances }: VitLayer, index: number): GPUBuffer {
    const { vit, tile } = ctx;
    const { normed, qkv, heads, relative, turns } = vit;
    const { config } = this;
    const { windows, hiddenSize: width } = config;
    const isWindowed = hasWindows(config, index);
    const isMoved = isWindowed && windows?.isPadded === true;
    const numRows = isMoved ? tile.numWindowRows : tile.numTokens;
    if (isMoved) gatherRows(ctx, { numRows, width }, { source: normed, destination: heads, index: vit.intoWindows });

    matmul(ctx, weight, { x: isMoved ? heads : normed, y: qkv, numRows });
    if (config.positions === 'rotary') turnEncoderHeads(ctx, config, { qkv, turns, numRows });
    const side = attentionSide(config, index);
    if (distances) relativePositions(ctx, config, { qkv, relative, numRows, side, distances });
    const tiles = isWindowed
      ? { tiles: vit.windowTiles, numTiles: tile.numWindowTiles }
      : { tiles: vit.attentionTiles, numTiles: tile.numAttentionTiles };
    encoderAttention(ctx, config, {
      qkv,
      out: heads,
      ...tiles,
      ...(distances && { relative: { scores: relative, side } }),
    });

    if (!isMoved) return heads;
    const back = { numRows: tile.numTokens, width };
    gatherRows(ctx, back, { source: heads, destination: normed, index: vit.outOfWindows });
    return normed;
  }
}

/**
 * Where the position of each row comes from, u32 `[numTokens, 3]`: the destination row and two rows of the position table to
 * sum. The class token's row is the last, but stands first here; its position is the first, and its own embedding lies behind
 * the table.
 */
export function positionIndex(config: VisionConfig): Uint32Array<ArrayBuffer> {
  const [patches, tokens] = [numPatches(config), numVisionTokens(config)];
  const first = tokens - patches;
  const index = Array.from({ length: patches }, (_, i) => [i, first + i, NO_ROW]);
  if (config.hasClassToken) index.unshift([patches, 0, tokens]);
  return new Uint32Array(index.flat());
}

/**
 * The patches of a tile as rows of {@link VitBuffers.patches}, each in the order of a convolution's weights.
 * @param tile f32 `[3, height, width]`
 * @param stride elements between rows
 */
export function patchify(
  config: VisionConfig,
  tile: Float32Array,
  stride: number,
  grid: PatchGrid = fullGrid(config),
): Float32Array<ArrayBuffer> {
  const { patchSize, numFrames } = config;
  const { width, height } = tileSize(config, grid);
  const order = patchOrder(config, grid);
  const rows = new Float32Array(order.length * stride);
  order.forEach((patch, row) => {
    const top = Math.floor(patch / grid.cols) * patchSize;
    const left = (patch % grid.cols) * patchSize;
    let at = row * stride;
    for (let channel = 0; channel < 3; channel++) {
      for (let line = 0; line < numFrames * patchSize; line++) {
        const from = (channel * height + top + (line % patchSize)) * width + left;
        rows.set(tile.subarray(from, from + patchSize), at);
        at += patchSize;
      }
    }
  });
  return rows;
}
