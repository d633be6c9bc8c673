// A cross attention that gathers the rows of a tile in fewer: learned queries, which have places of their own, attend to what
// the tower gives. What comes behind is the projector's business.
import { invariant } from '../../errors.js';
import type { KernelContext } from '../../layers/context.js';
import { encoderAttention } from '../../layers/encoder-attention.js';
import { gatherRows } from '../../layers/gather.js';
import { type LayerNormWeight, layerNorm } from '../../layers/layer-norm.js';
import { type LinearWeight, matmul } from '../../layers/linear.js';
import type { LoadedVector, LoadedWeights } from '../../load/weight-loader.js';
import { type MatrixSpec, type VectorSpec, type WeightSpec, wholeTensor } from '../../load/weights.js';
import { CUBIC_TAPS } from '../vision/interpolation.js';
import { biasName } from '../vision/vit-weights.js';

/** The numbers of a resampler. */
export interface ResamplerConfig {
  /** `n_queries`: a square, line by line, as the patches of a tile are. */
  readonly numQueries: number;
  /** Elements of a row of the tower. */
  readonly numInputs: number;
  /** `output_dim`: elements of queries, of keys, and of what comes out; a multiple of 32. */
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly normEpsilon: number;
}

/** Buffers that a tile is resampled in. */
export interface ResamplerBuffers {
  /** Positions of queries as those of keys: an `Interpolation`. */
  readonly keyPositionIndex: GPUBuffer;
  readonly keyPositionWeights: GPUBuffer;
  /** Query tiles of the attention, u32 `[numTiles, 4]`. */
  readonly queryTiles: GPUBuffer;
  /** f32 `[numPatches, hidden]`: the tower's rows in this width; then the positions of keys. */
  readonly keys: GPUBuffer;
  /** f32 `[numPatches, hidden]` */
  readonly normedKeys: GPUBuffer;
  /** f32 `[max(numQueries, numPatches), 3 * hidden]`: a row has a query, if there are so many, a key and a value. */
  readonly crossQkv: GPUBuffer;
  /** f32 `[numQueries, hidden]`: normed queries, then what they have seen. */
  readonly seen: GPUBuffer;
}

/** The numbers of a tile that decide its dispatches. */
export interface ResamplerShape {
  readonly numPatches: number;
  readonly numQueryTiles: number;
}

export interface ResamplerContext extends KernelContext {
  readonly resampler: ResamplerBuffers;
  readonly tile: ResamplerShape;
}

/** Names of weights; tensors have the same unless {@link resamplerWeights} says otherwise. */
const name = {
  input: 'resampler.kv_proj',
  keyNorm: 'resampler.ln_kv',
  queryNorm: 'resampler.ln_q',
  queries: 'resampler.query',
  positions: 'resampler.pos_embed',
  roles: ['resampler.queries', 'resampler.keys', 'resampler.values'],
  roleBias: 'resampler.attn.in_proj_bias',
  output: 'resampler.attn.out_proj',
} as const;

/** Which third of a row is what. */
const [QUERY, KEY, VALUE] = [0, 1, 2] as const;

export class Resampler {
  readonly #config: ResamplerConfig;
  readonly #input: LinearWeight;
  readonly #keyNorm: LayerNormWeight;
  readonly #queryNorm: LayerNormWeight;
  readonly #queries: LoadedVector;
  readonly #positions: LoadedVector;
  /** Queries, keys and values; biases are those of all three. */
  readonly #roles: readonly LinearWeight[];
  readonly #output: LinearWeight;

  constructor(config: ResamplerConfig, { matrices, vectors }: LoadedWeights) {
    const vector = (name: string): LoadedVector => {
      const loaded = vectors.get(name);
      invariant(loaded, `the weight ${name} was not loaded`);
      return loaded;
    };
    const linear = (name: string, bias?: LoadedVector): LinearWeight => {
      const matrix = matrices.get(name);
      invariant(matrix, `the weight ${name} was not loaded`);
      return { matrix, bias };
    };
    const norm = (name: string): LayerNormWeight => {
      return { gamma: vector(name), beta: vector(biasName(name)), epsilon: config.normEpsilon };
    };
    this.#config = config;
    this.#input = linear(name.input);
    this.#keyNorm = norm(name.keyNorm);
    this.#queryNorm = norm(name.queryNorm);
    this.#queries = vector(name.queries);
    this.#positions = vector(name.positions);
    this.#roles = name.roles.map((role) => linear(role, vector(name.roleBias)));
    this.#output = linear(name.output, vector(biasName(name.output)));
  }

  /** Rows of the tower, `[numPatches, numInputs]` → `out`, `[numQueries, hidden]`. */
  forward(ctx: ResamplerContext, rows: GPUBuffer, out: GPUBuffer): void {
    const { keyPositionIndex, keyPositionWeights, queryTiles, keys, normedKeys, crossQkv, seen } = ctx.resampler;
    const { numQueries, hiddenSize } = this.#config;
    const { numPatches, numQueryTiles: numTiles } = ctx.tile;
    const project = (role: number, x: GPUBuffer, numRows: number, epilogue: 'store' | 'add'): void => {
      const { matrix, bias } = this.#roles[role] as LinearWeight;
      const part = { start: role * hiddenSize, width: 3 * hiddenSize };
      const weight = { matrix, bias: epilogue === 'store' ? bias : undefined };
      matmul(ctx, weight, { x, y: crossQkv, numRows, epilogue, part });
    };

    layerNorm(ctx, this.#queryNorm, { x: this.#queries.buffer, y: seen, numRows: numQueries });
    project(QUERY, seen, numQueries, 'store');
    // The product of a sum is the sum of products: positions take their own.
    project(QUERY, this.#positions.buffer, numQueries, 'add');

    matmul(ctx, this.#input, { x: rows, y: keys, numRows: numPatches });
    layerNorm(ctx, this.#keyNorm, { x: keys, y: normedKeys, numRows: numPatches });
    project(VALUE, normedKeys, numPatches, 'store');
    project(KEY, normedKeys, numPatches, 'store');
    gatherRows(
      ctx,
      { numRows: numPatches, width: hiddenSize, taps: CUBIC_TAPS },
      { source: this.#positions.buffer, destination: keys, index: keyPositionIndex, weights: keyPositionWeights },
    );
    project(KEY, keys, numPatches, 'add');

    encoderAttention(ctx, this.#config, { qkv: crossQkv, out: seen, tiles: queryTiles, numTiles });
    matmul(ctx, this.#output, { x: seen, y: out, numRows: numQueries });
  }
}

/** Everything it reads. */
export function resamplerWeights({ numQueries, numInputs, hiddenSize }: ResamplerConfig): readonly WeightSpec[] {
  const matrix = (name: string, numCols: number, tensor: string, firstRow = 0): MatrixSpec => {
    const pieces = [{ ...wholeTensor(tensor, hiddenSize), firstRow }];
    return { kind: 'matrix', name, numRows: hiddenSize, numCols, pieces, group: 'vision' };
  };
  const vector = (name: string, tensor: string, length: number = hiddenSize): VectorSpec => {
    return { kind: 'vector', name, length, pieces: [wholeTensor(tensor, length)] };
  };
  const norm = (name: string): WeightSpec[] => [vector(name, `${name}.weight`), vector(biasName(name), `${name}.bias`)];
  return [
    matrix(name.input, numInputs, `${name.input}.weight`),
    ...norm(name.keyNorm),
    ...norm(name.queryNorm),
    vector(name.queries, name.queries, numQueries * hiddenSize),
    vector(name.positions, name.positions, numQueries * hiddenSize),
    ...name.roles.map((role, i) => matrix(role, hiddenSize, 'resampler.attn.in_proj_weight', i * hiddenSize)),
    vector(name.roleBias, name.roleBias, 3 * hiddenSize),
    matrix(name.output, hiddenSize, `${name.output}.weight`),
    vector(biasName(name.output), `${name.output}.bias`),
  ];
}
