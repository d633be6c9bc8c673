// The Q-Former of BLIP-2 behind a tower: learned queries that see one another in every layer, and the tower's rows in some.
// What comes behind is the projector's business.
import type { DeviceProfile } from '@pagemind/kernels-wgsl';
import { invariant } from '../../errors.js';
import { type KernelContext, rowStride } from '../../layers/context.js';
import { crossTiles, encoderAttention } from '../../layers/encoder-attention.js';
import { type LayerNormWeight, layerNorm } from '../../layers/layer-norm.js';
import { type LinearWeight, matmul } from '../../layers/linear.js';
import type { LoadedVector, LoadedWeights } from '../../load/weight-loader.js';
import { type WeightPiece, type WeightSpec, wholeTensor } from '../../load/weights.js';
import { biasName } from '../vision/vit-weights.js';

/** The numbers of a Q-Former. */
export interface QFormerConfig {
  /** `num_query_token` */
  readonly numQueries: number;
  /** `encoder_hidden_size`: elements of a row of the tower. */
  readonly numInputs: number;
  /** `hidden_size` */
  readonly hiddenSize: number;
  /** `intermediate_size` */
  readonly intermediateSize: number;
  /** `num_hidden_layers` */
  readonly numLayers: number;
  /** `cross_attention_frequency`: every so many layers, the first of them included, queries see the tower's rows. */
  readonly crossFrequency: number;
  /** `num_attention_heads` */
  readonly numHeads: number;
  readonly headDim: number;
  /** `layer_norm_eps` */
  readonly normEpsilon: number;
}

/** Buffers that a tile's queries are computed in. */
export interface QFormerBuffers {
  /** f32 `[numQueries, hidden]`: rows before and after a norm, by turns. */
  readonly queries: GPUBuffer;
  readonly normedQueries: GPUBuffer;
  /** f32 `[max(numQueries, numTokens), 3 * hidden]`: a row has a query, if there are so many, a key and a value. */
  readonly queryQkv: GPUBuffer;
  /** f32 `[numQueries, hidden]` */
  readonly queryHeads: GPUBuffer;
  /** f32 `[numQueries, intermediate]` */
  readonly queryMlp: GPUBuffer;
  /** What {@link qformerTables} gives. */
  readonly selfTiles: GPUBuffer;
  readonly crossTiles: GPUBuffer;
}

/** Contents of the buffers of these names, query tiles of the attention, u32 `[numTiles, 4]`. */
export interface QFormerTables {
  readonly selfTiles: Uint32Array<ArrayBuffer>;
  readonly crossTiles: Uint32Array<ArrayBuffer>;
}

/** @param numTokens rows of the tower */
export function qformerTables(config: QFormerConfig, profile: DeviceProfile, numTokens: number): QFormerTables {
  const { numQueries } = config;
  return {
    selfTiles: crossTiles(config, profile, numQueries, numQueries),
    crossTiles: crossTiles(config, profile, numQueries, numTokens),
  };
}

/** Where a Q-Former computes. */
export interface QFormerContext extends KernelContext {
  readonly qformer: QFormerBuffers;
  readonly tile: { readonly numTokens: number; readonly numSelfTiles: number; readonly numCrossTiles: number };
}

/** Attention with the norm behind it. The products of queries, keys and values share their biases. */
interface Attention {
  readonly projections: readonly { readonly weight: LinearWeight; readonly start: number }[];
  readonly output: LinearWeight;
  readonly norm: LayerNormWeight;
}

interface Layer {
  readonly self: Attention;
  readonly cross: Attention | undefined;
  readonly up: LinearWeight;
  readonly down: LinearWeight;
  readonly norm: LayerNormWeight;
}

export class QFormer {
  readonly #config: QFormerConfig;
  readonly #queries: LoadedVector;
  readonly #norm: LayerNormWeight;
  readonly #layers: readonly Layer[];

  constructor(config: QFormerConfig, { matrices, vectors }: LoadedWeights) {
    const vector = (name: string): LoadedVector => {
      const loaded = vectors.get(name);
      invariant(loaded, `the weight ${name} was not loaded`);
      return loaded;
    };
    const linear = (name: string, bias = biasName(name)): LinearWeight => {
      const matrix = matrices.get(name);
      invariant(matrix, `the weight ${name} was not loaded`);
      return { matrix, bias: vector(bias) };
    };
    const norm = (name: string): LayerNormWeight => {
      return { gamma: vector(name), beta: vector(biasName(name)), epsilon: config.normEpsilon };
    };
    const attention = (stem: string, isCross: boolean): Attention => ({
      projections: isCross
        ? [
            { weight: linear(`${stem}.q`, `${stem}.bias`), start: 0 },
            { weight: linear(`${stem}.kv`, `${stem}.bias`), start: config.hiddenSize },
          ]
        : [{ weight: linear(`${stem}.qkv`, `${stem}.bias`), start: 0 }],
      output: linear(`${stem}.output`),
      norm: norm(`${stem}.norm`),
    });
    this.#config = config;
    this.#queries = vector(QUERIES);
    this.#norm = norm(NORM);
    this.#layers = Array.from({ length: config.numLayers }, (_, layer) => ({
      self: attention(`${layerName(layer)}.self`, false),
      cross: seesTower(config, layer) ? attention(`${layerName(layer)}.cross`, true) : undefined,
      up: linear(`${layerName(layer)}.up`),
      down: linear(`${layerName(layer)}.down`),
      norm: norm(`${layerName(layer)}.norm`),
    }));
  }

  /** Rows of the tower, `[numTokens, numInputs]` → rows of the queries, `[numQueries, hidden]`; gives their buffer. */
  forward(ctx: QFormerContext, towerRows: GPUBuffer): GPUBuffer {
    const { queries, normedQueries, queryMlp, selfTiles, crossTiles } = ctx.qformer;
    const { numSelfTiles, numCrossTiles, numTokens } = ctx.tile;
    const numRows = this.#config.numQueries;
    // Products add to the rows of one buffer, norms put what they make of them into the other.
    let [rows, other] = [queries, normedQueries];
    const normed = (norm: LayerNormWeight): void => {
      layerNorm(ctx, norm, { x: rows, y: other, numRows });
      [rows, other] = [other, rows];
    };
    layerNorm(ctx, this.#norm, { x: this.#queries.buffer, y: rows, numRows });
    for (const { self, cross, up, down, norm } of this.#layers) {
      this.#attend(ctx, self, rows, { seen: rows, numSeen: numRows, tiles: selfTiles, numTiles: numSelfTiles });
      normed(self.norm);
      if (cross) {
        const keys = { seen: towerRows, numSeen: numTokens, tiles: crossTiles, numTiles: numCrossTiles };
        this.#attend(ctx, cross, rows, keys);
        normed(cross.norm);
      }
      matmul(ctx, up, { x: rows, y: queryMlp, numRows, epilogue: 'gelu' });
      matmul(ctx, down, { x: queryMlp, y: rows, numRows, epilogue: 'add' });
      normed(norm);
    }
    return rows;
  }

  /** rows += what they see. */
  #attend(
    ctx: QFormerContext,
    { projections, output }: Attention,
    rows: GPUBuffer,
    { seen, numSeen, tiles, numTiles }: { seen: GPUBuffer; numSeen: number; tiles: GPUBuffer; numTiles: number },
  ): void {
    const { queryQkv: qkv, queryHeads: heads } = ctx.qformer;
    const { numQueries, hiddenSize } = this.#config;
    for (const { weight, start } of projections) {
      const [x, numRows] = start === 0 ? [rows, numQueries] : [seen, numSeen];
      matmul(ctx, weight, { x, y: qkv, numRows, part: { start, width: 3 * hiddenSize } });
    }
    encoderAttention(ctx, this.#config, { qkv, out: heads, tiles, numTiles });
    matmul(ctx, output, { x: heads, y: rows, numRows: numQueries, epilogue: 'add' });
  }
}

const QUERIES = 'qformer.queries';
const NORM = 'qformer.norm';

function layerName(layer: number): string {
  return `qformer.layers.${layer}`;
}

function seesTower({ crossFrequency }: QFormerConfig, layer: number): boolean {
  return layer % crossFrequency === 0;
}

/** Everything it reads, from tensors that families rename to begin with `qformer.`, and `query_tokens`. */
export function qformerWeights(config: QFormerConfig): readonly WeightSpec[] {
  const { numQueries, numInputs, hiddenSize, intermediateSize, numLayers } = config;
  const vector = (name: string, length: number, pieces: readonly WeightPiece[]): WeightSpec => {
    return { kind: 'vector', name, length, pieces };
  };
  const matrix = (name: string, numCols: number, pieces: readonly WeightPiece[]): WeightSpec => {
    const numRows = pieces.reduce((sum, piece) => sum + piece.numRows, 0);
    return { kind: 'matrix', name, numRows, numCols, pieces, group: 'vision' };
  };
  const linear = (name: string, tensor: string, numRows: number, numCols: number): WeightSpec[] => [
    matrix(name, numCols, [wholeTensor(`${tensor}.weight`, numRows)]),
    vector(biasName(name), numRows, [wholeTensor(`${tensor}.bias`, numRows)]),
  ];
  const norm = (name: string, tensor: string): WeightSpec[] => [
    vector(name, hiddenSize, [wholeTensor(`${tensor}.weight`, hiddenSize)]),
    vector(biasName(name), hiddenSize, [wholeTensor(`${tensor}.bias`, hiddenSize)]),
  ];
  const thirds = (tensor: string, roles: readonly string[], suffix: string): WeightPiece[] =>
    roles.map((role, i) => wholeTensor(`${tensor}.self.${role}.${suffix}`, hiddenSize, i * hiddenSize));
  const attention = (name: string, tensor: string, isCross: boolean): WeightSpec[] => [
    ...(isCross
      ? [
          matrix(`${name}.q`, hiddenSize, thirds(tensor, ['query'], 'weight')),
          matrix(`${name}.kv`, numInputs, thirds(tensor, ['key', 'value'], 'weight')),
        ]
      : [matrix(`${name}.qkv`, hiddenSize, thirds(tensor, ['query', 'key', 'value'], 'weight'))]),
    vector(`${name}.bias`, 3 * hiddenSize, thirds(tensor, ['query', 'key', 'value'], 'bias')),
    ...linear(`${name}.output`, `${tensor}.output.dense`, hiddenSize, hiddenSize),
    ...norm(`${name}.norm`, `${tensor}.output.LayerNorm`),
  ];
  const stride = rowStride(hiddenSize);
  const queries = { ...wholeTensor('query_tokens', numQueries * hiddenSize), block: hiddenSize, stride };
  const layers = Array.from({ length: numLayers }, (_, layer) => {
    const [name, tensor] = [layerName(layer), `qformer.encoder.layer.${layer}`];
    return [
      ...attention(`${name}.self`, `${tensor}.attention`, false),
      ...(seesTower(config, layer) ? attention(`${name}.cross`, `${tensor}.crossattention`, true) : []),
      ...linear(`${name}.up`, `${tensor}.intermediate_query.dense`, intermediateSize, hiddenSize),
      ...linear(`${name}.down`, `${tensor}.output_query.dense`, hiddenSize, intermediateSize),
      ...norm(`${name}.norm`, `${tensor}.output_query.LayerNorm`),
    ];
  });
  return [
    vector(QUERIES, numQueries * stride, [queries]),
    ...norm(NORM, 'qformer.embeddings.LayerNorm'),
    ...layers.flat(),
  ];
}
