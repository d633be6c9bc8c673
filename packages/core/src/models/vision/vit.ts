// The forward pass of every vision transformer, from the patches of one tile to its rows, read from top to bottom. What
// differs between towers is in VisionConfig; what a family does with the rows is in vlm/.
import { NO_ROW } from '@pagemind/kernels-wgsl';
import { invariant } from '../../errors.js';
import type { KernelContext } from '../../layers/context.js';
import { encoderAttention } from '../../layers/encoder-attention.js';
import { gatherRows } from '../../layers/gather.js';
import { type LayerNormWeight, layerNorm } from '../../layers/layer-norm.js';
import { type LinearWeight, matmul } from '../../layers/linear.js';
import type { LoadedVector, LoadedWeights } from '../../load/weight-loader.js';
import { numPatches, numVisionTokens, type VisionConfig } from './vision-config.js';
import { biasName, visionName } from './vit-weights.js';

/** Buffers that a tile is computed in; rows of activations are padded to a multiple of 32 elements with zeros. */
export interface VitBuffers {
  /** f32 `[numPatches, 3 * patchSize²]`: what {@link patchify} gives. */
  readonly patches: GPUBuffer;
  /** What {@link positionIndex} gives. */
  readonly positionIndex: GPUBuffer;
  /** Query tiles of the attention, u32 `[numTiles, 4]`. */
  readonly attentionTiles: GPUBuffer;
  /** f32 `[numTokens, hidden]`: the residual stream. */
  readonly residual: GPUBuffer;
  /** f32 `[numTokens, hidden]` */
  readonly normed: GPUBuffer;
  /** f32 `[numTokens, 3 * hidden]` */
  readonly qkv: GPUBuffer;
  /** f32 `[numTokens, hidden]` */
  readonly heads: GPUBuffer;
  /** f32 `[numTokens, intermediate]` */
  readonly mlp: GPUBuffer;
}

export interface VitContext extends KernelContext {
  readonly vit: VitBuffers;
  readonly numAttentionTiles: number;
}

interface VitLayer {
  readonly norm1: LayerNormWeight;
  readonly qkv: LinearWeight;
  readonly output: LinearWeight;
  readonly norm2: LayerNormWeight;
  readonly up: LinearWeight;
  readonly down: LinearWeight;
}

export class VisionTransformer {
  readonly config: VisionConfig;
  readonly #patches: LinearWeight;
  readonly #positions: LoadedVector;
  readonly #preNorm: LayerNormWeight | undefined;
  readonly #layers: readonly VitLayer[];
  readonly #postNorm: LayerNormWeight | undefined;

  constructor(config: VisionConfig, weights: LoadedWeights) {
    this.config = config;
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
    const norm = (name: string): LayerNormWeight => ({
      gamma: vector(name),
      beta: vector(biasName(name)),
      epsilon: config.normEpsilon,
    });
    this.#patches = linear(visionName.patches, config.hasPatchBias ? vector(visionName.patchBias) : undefined);
    this.#positions = vector(visionName.positions);
    this.#preNorm = config.hasPreNorm ? norm(visionName.preNorm) : undefined;
    this.#postNorm = config.hasPostNorm ? norm(visionName.postNorm) : undefined;
    this.#layers = Array.from({ length: config.numLayers }, (_, layer) => ({
      norm1: norm(visionName.layer(layer, 'norm1')),
      qkv: biased(visionName.layer(layer, 'qkv')),
      output: biased(visionName.layer(layer, 'output')),
      norm2: norm(visionName.layer(layer, 'norm2')),
      up: biased(visionName.layer(layer, 'up')),
      down: biased(visionName.layer(layer, 'down')),
    }));
  }

  /** The patches of a tile → its rows, `[numTokens, hidden]`; gives the buffer that holds them. */
  forward(ctx: VitContext): GPUBuffer {
    const { patches, positionIndex, attentionTiles, residual, normed, qkv, heads, mlp } = ctx.vit;
    const { config } = this;
    const { hiddenSize, activation } = config;
    const numRows = numVisionTokens(config);

    const embedded = this.#preNorm ? normed : residual;
    const positions = { source: this.#positions.buffer, destination: embedded, index: positionIndex };
    gatherRows(ctx, { numRows, width: hiddenSize, sourceStride: hiddenSize, taps: 2 }, positions);
    matmul(ctx, this.#patches, { x: patches, y: embedded, numRows: numPatches(config), epilogue: 'add' });
    if (this.#preNorm) layerNorm(ctx, this.#preNorm, { x: normed, y: residual, numRows });

    for (const layer of this.#layers) {
      layerNorm(ctx, layer.norm1, { x: residual, y: normed, numRows });
      matmul(ctx, layer.qkv, { x: normed, y: qkv, numRows });
      encoderAttention(ctx, config, { qkv, out: heads, tiles: attentionTiles, numTiles: ctx.numAttentionTiles });
      matmul(ctx, layer.output, { x: heads, y: residual, numRows, epilogue: 'add' });
      layerNorm(ctx, layer.norm2, { x: residual, y: normed, numRows });
      matmul(ctx, layer.up, { x: normed, y: mlp, numRows, epilogue: activation });
      matmul(ctx, layer.down, { x: mlp, y: residual, numRows, epilogue: 'add' });
    }
    if (!this.#postNorm) return residual;
    layerNorm(ctx, this.#postNorm, { x: residual, y: normed, numRows });
    return normed;
  }
}

/**
 * Where the position of each row comes from, u32 `[numTokens, 3]`: the destination row and two rows of the position table to
 * sum. The class token comes last here but has the first position, and its own embedding lies behind the table.
 */
export function positionIndex(config: VisionConfig): Uint32Array<ArrayBuffer> {
  const [patches, tokens] = [numPatches(config), numVisionTokens(config)];
  const first = tokens - patches;
  const index = Array.from({ length: patches }, (_, i) => [i, first + i, NO_ROW]);
  if (config.hasClassToken) index.push([patches, 0, tokens]);
  return new Uint32Array(index.flat());
}

/**
 * The patches of a tile as rows of {@link VitBuffers.patches}, in the order of a convolution's weights.
 * @param tile f32 `[3, imageSize, imageSize]`
 * @param stride elements between rows
 */
export function patchify(config: VisionConfig, tile: Float32Array, stride: number): Float32Array<ArrayBuffer> {
  const { imageSize, patchSize } = config;
  const perSide = Math.floor(imageSize / patchSize);
  const rows = new Float32Array(perSide * perSide * stride);
  for (let patch = 0; patch < perSide * perSide; patch++) {
    const top = Math.floor(patch / perSide) * patchSize;
    const left = (patch % perSide) * patchSize;
    let at = patch * stride;
    for (let channel = 0; channel < 3; channel++) {
      for (let y = top; y < top + patchSize; y++) {
        const from = (channel * imageSize + y) * imageSize + left;
        rows.set(tile.subarray(from, from + patchSize), at);
        at += patchSize;
      }
    }
  }
  return rows;
}
