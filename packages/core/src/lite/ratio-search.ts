// AWQ's search on the device: a block of the layer runs with one product's weights as each ratio would leave them, and what
// comes out is compared with what came out of the original. Which ratio is taken is calibrate-layer.ts.
import { pseudoQuantize, rowErrors } from '@pagemind/kernels-wgsl';
import { type GridOptions, NUM_RATIOS, smoothingScales, weightTerms } from '@pagemind/quant';
import { rowStride } from '../layers/context.js';
import type { MatrixSpec } from '../load/weights.js';
import { attentionBlock, type DecoderLayer, mlpBlock } from '../models/decoder.js';
import { linearOf, withLinear } from './layer-linear.js';
import type { HiddenStates, LayerRunner } from './layer-runner.js';
import {
  type LayerSpecs,
  type LayerTensor,
  type LayerTensors,
  LINEAR_ROLES,
  type LinearRole,
} from './layer-tensors.js';

/** Buffers of f32 that a search takes beside the layer's. */
export type SearchBuffer = 'candidate' | 'factors' | 'before' | 'after' | 'errors' | 'results';

/** Elements of each of them. */
export function searchLengths({ maxRows, stride }: LayerRunner, specs: LayerSpecs): Record<SearchBuffer, number> {
  const matrices = LINEAR_ROLES.map((role) => specs.find(role) as MatrixSpec);
  const elements = matrices.map(({ numRows, numCols }) => Math.ceil(numRows / 4) * 4 * rowStride(numCols));
  return {
    candidate: Math.max(...elements),
    factors: Math.max(...matrices.map(({ numCols }) => numCols)),
    before: maxRows * stride,
    after: maxRows * stride,
    errors: maxRows,
    results: NUM_RATIOS * maxRows,
  };
}

export class RatioSearch {
  readonly #runner: LayerRunner;
  readonly #index: number;
  readonly #layer: DecoderLayer;
  readonly #grid: GridOptions;
  readonly #terms: ReadonlyMap<LinearRole, Float64Array>;
  readonly #buffers: Readonly<Record<SearchBuffer, GPUBuffer>>;

  /** @param layer weights in the f32 format */
  constructor(
    runner: LayerRunner,
    specs: LayerSpecs,
    tensors: LayerTensors,
    layer: DecoderLayer,
    grid: GridOptions,
    buffers: Readonly<Record<SearchBuffer, GPUBuffer>>,
  ) {
    this.#runner = runner;
    this.#index = specs.index;
    this.#layer = layer;
    this.#grid = grid;
    const linearsOf = (role: LinearRole): LayerTensor[] =>
      specs.linears(role).map((name) => tensors.get(name) as LayerTensor);
    this.#terms = new Map(LINEAR_ROLES.map((role) => [role, weightTerms(linearsOf(role), grid.groupSize)]));
    this.#buffers = buffers;
  }

  /**
   * The mean squared error of every ratio for the batch that the runner has begun.
   * @param activations mean of the magnitudes that go into each column of the product
   * @param states the residual stream before and after the block that the product is a part of
   */
  async losses(
    role: LinearRole,
    activations: Float32Array,
    states: readonly [before: HiddenStates, after: HiddenStates],
  ): Promise<Float64Array> {
    const runner = this.#runner;
    const { gpu, numRows, stride, config } = runner;
    const { residual } = runner.buffers;
    const { candidate, factors, before, after, errors, results } = this.#buffers;
    const linear = linearOf(this.#layer, role);
    const { matrix } = linear;
    const tried = { ...linear, matrix: { ...matrix, planes: { weight: candidate } } };
    const layer = withLinear(this.#layer, role, tried);
    const shape = { ...this.#grid, numRows: matrix.numRows, numCols: matrix.numCols };
    const terms = this.#terms.get(role) as Float64Array;
    gpu.queue.writeBuffer(before, 0, states[0]);
    gpu.queue.writeBuffer(after, 0, states[1]);
    runner.write(states[0]);
    for (let i = 0; i < NUM_RATIOS; i++) {
      gpu.queue.writeBuffer(factors, 0, smoothingScales(activations, terms, i / NUM_RATIOS));
      runner.run(
        (ctx) => {
          const bound = { weight: matrix.planes['weight'] as GPUBuffer, factors, result: candidate };
          ctx.dispatch(pseudoQuantize.plan(shape, gpu.profile), bound);
          if (role === 'qkv' || role === 'output') attentionBlock(ctx, config, layer, this.#index);
          else mlpBlock(ctx, config, layer);
          ctx.dispatch(rowErrors.plan({ numRows, stride }, gpu.profile), { a: residual, b: after, errors });
        },
        undefined,
        (encoder) => {
          encoder.copyBufferToBuffer(errors, 0, results, i * numRows * 4, numRows * 4);
          encoder.copyBufferToBuffer(before, 0, residual, 0, numRows * stride * 4);
        },
      );
    }
    const all = await runner.readFloats(results, NUM_RATIOS * numRows);
    return Float64Array.from({ length: NUM_RATIOS }, (_, i) => {
      const own = all.subarray(i * numRows, (i + 1) * numRows);
      return own.reduce((sum, error) => sum + error, 0) / (numRows * config.hiddenSize);
    });
  }
}
