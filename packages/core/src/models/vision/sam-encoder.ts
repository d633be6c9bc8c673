// SAM as DeepSeek-VL uses it: the rows of an early layer and the last ones each pass a neck, and two convolutions make both
// together as few rows as the other tower has. What a convolution looks at is in convolution.ts.
import { invariant } from '../../errors.js';
import type { KernelContext } from '../../layers/context.js';
import { gatherRows } from '../../layers/gather.js';
import { type LayerNormWeight, layerNorm } from '../../layers/layer-norm.js';
import { type LinearWeight, matmul } from '../../layers/linear.js';
import type { LoadedVector, LoadedWeights } from '../../load/weight-loader.js';
import { type WeightSpec, wholeTensor } from '../../load/weights.js';
import {
  convolutionIndex,
  ENLARGED_TAPS,
  type ResizedConvolution,
  resizedConvolution,
  SURROUNDINGS,
} from './convolution.js';
import { type SamConfig, samSides } from './sam-config.js';
import { type TileShape, VisionTransformer, type VitBuffers } from './vit.js';
import { biasName, vitWeights } from './vit-weights.js';

/** Stem of the names of its weights. */
export const HIGH_RES = 'high_res';

/** Epsilon of the necks' norms, which no config names. */
const NECK_EPSILON = 1e-6;

/** Buffers behind the tower. */
export interface SamBuffers {
  /** f32 `[map², numChannels]` */
  readonly map: GPUBuffer;
  /** The same after a norm. */
  readonly normedMap: GPUBuffer;
  /** f32 `[rows of a convolution, 9 * its width]` */
  readonly surroundings: GPUBuffer;
  /** f32 `[half², 2 * numChannels]` */
  readonly halved: GPUBuffer;
  /** f32 `[outputSide², 4 * numChannels]` */
  readonly output: GPUBuffer;
  /** What {@link samTables} gives. */
  readonly neckIndex: GPUBuffer;
  readonly halveIndex: GPUBuffer;
  readonly halveWeights: GPUBuffer;
  readonly outputIndex: GPUBuffer;
}

/** Where SAM looks at its picture. */
export interface SamContext extends KernelContext {
  readonly vit: VitBuffers;
  readonly tile: TileShape;
  readonly sam: SamBuffers;
}

interface Neck {
  readonly narrow: LinearWeight;
  readonly norm1: LayerNormWeight;
  readonly convolution: LinearWeight;
  readonly norm2: LayerNormWeight;
}

export class SamEncoder {
  readonly #config: SamConfig;
  readonly #tower: VisionTransformer;
  readonly #earlyNeck: Neck;
  readonly #lastNeck: Neck;
  readonly #halve: LinearWeight;
  readonly #output: LinearWeight;
  readonly #earlyScale: LoadedVector;

  constructor(config: SamConfig, weights: LoadedWeights) {
    const vector = (name: string): LoadedVector => {
      const loaded = weights.vectors.get(name);
      invariant(loaded, `the weight ${name} was not loaded`);
      return loaded;
    };
    const linear = (name: string): LinearWeight => {
      const matrix = weights.matrices.get(name);
      invariant(matrix, `the weight ${name} was not loaded`);
      return { matrix, bias: undefined };
    };
    const norm = (name: string): LayerNormWeight => ({
      gamma: vector(name),
      beta: vector(biasName(name)),
      epsilon: NECK_EPSILON,
    });
    const neck = (stem: string): Neck => ({
      narrow: linear(`${stem}.conv1`),
      norm1: norm(`${stem}.layer_norm1`),
      convolution: linear(`${stem}.conv2`),
      norm2: norm(`${stem}.layer_norm2`),
    });
    this.#config = config;
    this.#tower = new VisionTransformer(config.tower, weights, HIGH_RES);
    this.#earlyNeck = neck(EARLY_NECK);
    this.#lastNeck = neck(LAST_NECK);
    this.#halve = linear(`${PROJ}.conv1`);
    this.#output = linear(`${PROJ}.conv2`);
    this.#earlyScale = vector(ALPHA);
  }

  /** The patches of a picture → its rows, `[outputSide², 4 * numChannels]`; gives the buffer that holds them. */
  forward(ctx: SamContext): GPUBuffer {
    const { numChannels, earlyLayer, outputSide } = this.#config;
    const { surroundings, halved, output, outputIndex } = ctx.sam;
    const last = this.#tower.forward(ctx, (layer, rows) => {
      if (layer === earlyLayer) this.#halved(ctx, this.#earlyNeck, rows, this.#earlyScale);
    });
    this.#halved(ctx, this.#lastNeck, last, undefined);

    const numRows = outputSide ** 2;
    const shape = { numRows, width: 2 * numChannels, groups: SURROUNDINGS, isInterleaved: true };
    gatherRows(ctx, shape, { source: halved, destination: surroundings, index: outputIndex });
    matmul(ctx, this.#output, { x: surroundings, y: output, numRows });
    return output;
  }

  /** Rows of the tower through a neck and the first of the two last convolutions: scaled, or added to what is there. */
  #halved(ctx: SamContext, neck: Neck, rows: GPUBuffer, rowScale: LoadedVector | undefined): void {
    const { map, normedMap, surroundings, halved, neckIndex, halveIndex, halveWeights } = ctx.sam;
    const { numChannels: width } = this.#config;
    const sides = samSides(this.#config);
    const around = { width, groups: SURROUNDINGS, isInterleaved: true };

    const numRows = sides.map ** 2;
    matmul(ctx, neck.narrow, { x: rows, y: map, numRows });
    layerNorm(ctx, neck.norm1, { x: map, y: normedMap, numRows });
    const use = { source: normedMap, destination: surroundings };
    gatherRows(ctx, { ...around, numRows }, { ...use, index: neckIndex });
    matmul(ctx, neck.convolution, { x: surroundings, y: map, numRows });
    layerNorm(ctx, neck.norm2, { x: map, y: normedMap, numRows });

    const numHalved = sides.half ** 2;
    const enlarged = { ...around, numRows: numHalved, taps: ENLARGED_TAPS };
    gatherRows(ctx, enlarged, { ...use, index: halveIndex, weights: halveWeights });
    const epilogue = rowScale ? 'scale_rows' : 'add';
    matmul(ctx, this.#halve, { x: surroundings, y: halved, numRows: numHalved, epilogue, rowScale });
  }
}

const LAST_NECK = `${HIGH_RES}.neck`;
const EARLY_NECK = `${HIGH_RES}.early_neck`;
const PROJ = `${HIGH_RES}.proj`;
const ALPHA = `${HIGH_RES}.alpha`;

/** Everything it reads; families rename tensors to these names. */
export function samWeights({ tower, numChannels }: SamConfig): readonly WeightSpec[] {
  const vector = (name: string, tensor: string): WeightSpec => ({
    ...{ kind: 'vector', name, length: numChannels },
    pieces: [wholeTensor(tensor, numChannels)],
  });
  const matrix = (name: string, numRows: number, numCols: number): WeightSpec => ({
    ...{ kind: 'matrix', name, numRows, numCols },
    pieces: [wholeTensor(`${name}.weight`, numRows)],
    group: 'vision',
  });
  const neck = (stem: string): WeightSpec[] => [
    matrix(`${stem}.conv1`, numChannels, tower.hiddenSize),
    matrix(`${stem}.conv2`, numChannels, SURROUNDINGS * numChannels),
    ...['layer_norm1', 'layer_norm2'].flatMap((norm) => [
      vector(`${stem}.${norm}`, `${stem}.${norm}.weight`),
      vector(biasName(`${stem}.${norm}`), `${stem}.${norm}.bias`),
    ]),
  ];
  const numHalved = 2 * numChannels;
  return [
    ...vitWeights(tower, HIGH_RES),
    ...neck(EARLY_NECK),
    ...neck(LAST_NECK),
    matrix(`${PROJ}.conv1`, numHalved, SURROUNDINGS * numChannels),
    matrix(`${PROJ}.conv2`, 2 * numHalved, SURROUNDINGS * numHalved),
    // One number, as a factor for each row of the convolution that it scales.
    {
      ...{ kind: 'vector', name: ALPHA, length: numHalved },
      pieces: Array.from({ length: numHalved }, (_, row) => wholeTensor(ALPHA, 1, row)),
    },
  ];
}

/** Tables of the convolutions, by the names of their buffers. */
export function samTables(
  config: SamConfig,
): Readonly<Record<SamTable, Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>>> {
  const sides = samSides(config);
  const { index, weights }: ResizedConvolution = resizedConvolution(sides.map, 2 * sides.half, 2);
  return {
    neckIndex: convolutionIndex(sides.map, 1),
    halveIndex: index,
    halveWeights: weights,
    outputIndex: convolutionIndex(sides.half, 2),
  };
}

type SamTable = 'neckIndex' | 'halveIndex' | 'halveWeights' | 'outputIndex';
