// AWQ's search on the device: a block of the layer runs with one product's weights as each ratio would leave them, and what
// comes out is compared with what came out of the original. Which ratio is taken is calibrate-layer.ts.
import { pseudoQuantize, rowErrors } from '@pagemind/kernels-wgsl';
import { type GridOptions, NUM_RATIOS, smoothingScales, weightTerms } from '@pagemind/quant';
import type { LoadedMatrix } from '../load/weight-loader.js';
import { attentionBlock, type DecoderLayer, mlpBlock } from '../models/decoder.js';
import type { HiddenStates, LayerRunner } from './layer-runner.js';
import {
  type LayerSpecs,
  type LayerTensor,
  type LayerTensors,
  LINEAR_ROLES,
  type LinearRole,
} from './layer-tensors.js';

export class RatioSearch {
  readonly #runner: LayerRunner;
  readonly #index: number;
  readonly #layer: DecoderLayer;
  readonly #grid: GridOptions;
  readonly #terms: ReadonlyMap<LinearRole, Float64Array>;
  readonly #candidate: GPUBuffer;
  readonly #factors: GPUBuffer;
  readonly #before: GPUBuffer;
  readonly #after: GPUBuffer;
  readonly #errors: GPUBuffer;
  readonly #results: GPUBuffer;

  /** @param layer weights in the f32 format */
  constructor(
    runner: LayerRunner,
    specs: LayerSpecs,
    tensors: LayerTensors,
    layer: DecoderLayer,
    grid: GridOptions,
    create: (label: string, length: number) => GPUBuffer,
  ) {
    this.#runner = runner;
    this.#index = specs.index;
    this.#layer = layer;
    this.#grid = grid;
    const linearsOf = (role: LinearRole): LayerTensor[] =>
      specs.linears(role).map((name) => tensors.get(name) as LayerTensor);
    this.#terms = new Map(LINEAR_ROLES.map((role) => [role, weightTerms(linearsOf(role), grid.groupSize)]));
    const { maxRows } = runner;
    const largest = Math.max(...LINEAR_ROLES.map((role) => planeOf(layer[role].matrix).size / 4));
    this.#candidate = create('candidate', largest);
    this.#factors = create('factors', Math.max(...LINEAR_ROLES.map((role) => layer[role].matrix.numCols)));
    this.#before = create('before', maxRows * runner.stride);
    this.#after = create('after', maxRows * runner.stride);
    this.#errors = create('errors', maxRows);
    this.#results = create('results', NUM_RATIOS * maxRows);
  }

  /**
   * The mean squared error of every ratio for the batch that the runner has begun.
   * @param activations mean of the magnitudes that go into each column of the product
   * @param states the residual stream before and after the block that the product is a part of
   */
  async losses(
    role: LinearRole,
    activations: Float32Array,
    [before, after]: readonly [before: HiddenStates, after: HiddenStates],
  ): Promise<Float64Array> {
    const runner = this.#runner;
    const { gpu, numRows, stride, buffers } = runner;
    const { matrix } = this.#layer[role];
    const candidate = { ...matrix, planes: { weight: this.#candidate } };
    const layer = { ...this.#layer, [role]: { ...this.#layer[role], matrix: candidate } };
    const shape = { ...this.#grid, numRows: matrix.numRows, numCols: matrix.numCols };
    gpu.queue.writeBuffer(this.#before, 0, before);
    gpu.queue.writeBuffer(this.#after, 0, after);
    runner.write(before);
    for (let i = 0; i < NUM_RATIOS; i++) {
      const terms = this.#terms.get(role) as Float64Array;
      gpu.queue.writeBuffer(this.#factors, 0, smoothingScales(activations, terms, i / NUM_RATIOS));
      runner.run(
        (ctx) => {
          const bound = { weight: planeOf(matrix), factors: this.#factors, result: this.#candidate };
          ctx.dispatch(pseudoQuantize.plan(shape, gpu.profile), bound);
          if (role === 'qkv' || role === 'output') attentionBlock(ctx, runner.config, layer, this.#index);
          else mlpBlock(ctx, runner.config, layer);
          const compared = { a: buffers.residual, b: this.#after, errors: this.#errors };
          ctx.dispatch(rowErrors.plan({ numRows, stride }, gpu.profile), compared);
        },
        undefined,
        (encoder) => {
          encoder.copyBufferToBuffer(this.#errors, 0, this.#results, i * numRows * 4, numRows * 4);
          encoder.copyBufferToBuffer(this.#before, 0, buffers.residual, 0, numRows * stride * 4);
        },
      );
    }
    const errors = await runner.readFloats(this.#results, NUM_RATIOS * numRows);
    return Float64Array.from({ length: NUM_RATIOS }, (_, i) => {
      const own = errors.subarray(i * numRows, (i + 1) * numRows);
      return own.reduce((sum, error) => sum + error, 0) / (numRows * runner.config.hiddenSize);
    });
  }
}

function planeOf({ planes }: LoadedMatrix): GPUBuffer {
  return planes['weight'] as GPUBuffer;
}
