// Sends calibration batches through a layer: statistics of what goes into its products, and AWQ's search for the ratio with
// which they are smoothed. All of it runs on the device; only sums come back. What is made of it is quantize-layer.ts.
import { columnProducts, columnStats } from '@pagemind/kernels-wgsl';
import {
  absmeanOf,
  type BatchStatistics,
  type GridOptions,
  type InputStatistics,
  joinStatistics,
  NUM_RATIOS,
} from '@pagemind/quant';
import { throwIfAborted } from '../errors.js';
import type { GpuContext } from '../gpu/context.js';
import { rowStride } from '../layers/context.js';
import type { LoadedWeights } from '../load/weight-loader.js';
import { attentionBlock, type DecoderLayer, decoderLayer, mlpBlock } from '../models/decoder.js';
import { linearOf } from './layer-linear.js';
import type { HiddenStates, LayerRunner, Observer } from './layer-runner.js';
import { type LayerSpecs, type LayerTensors, LINEAR_ROLES, type LinearRole } from './layer-tensors.js';
import { RatioSearch, type SearchBuffer, searchLengths } from './ratio-search.js';

/** A batch on its way through the layers. */
export interface CalibrationBatch {
  readonly sequences: readonly (readonly number[])[];
  hidden: HiddenStates;
}

/** What is wanted of a layer beside statistics. */
export interface CalibrateOptions {
  /** Products whose ratio is searched, and the grid to search for. */
  readonly search?: { readonly roles: readonly LinearRole[]; readonly grid: GridOptions };
  /** Whether sums of products of inputs are wanted. */
  readonly wantsProducts?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What calibration found out about a layer. */
export interface LayerCalibration {
  readonly statistics: Readonly<Record<LinearRole, InputStatistics>>;
  /** Mean squared error of the block's output, batch by batch and ratio by ratio, where it was searched. */
  readonly losses: Readonly<Partial<Record<LinearRole, readonly Float64Array[]>>>;
  /** Inputs times inputs, summed over all tokens: `[stride, stride]`, where wanted. */
  readonly products?: Readonly<Record<LinearRole, Float32Array>>;
  /** What comes out of the layer, batch by batch. */
  readonly outputs: readonly HiddenStates[];
}

/** Runs the batches through the layer. */
export async function calibrateLayer(
  runner: LayerRunner,
  specs: LayerSpecs,
  tensors: LayerTensors,
  weights: LoadedWeights,
  batches: readonly CalibrationBatch[],
  options: CalibrateOptions = {},
): Promise<LayerCalibration> {
  const buffers = await allocateAll(runner.gpu, scratchLengths(runner, specs, options));
  try {
    const run = new Calibration(runner, specs, tensors, weights, buffers, options);
    for (const batch of batches) {
      throwIfAborted(options.signal);
      await run.add(batch);
    }
    return await run.finish();
  } finally {
    runner.gpu.release(...Object.values(buffers));
  }
}

/** The ratio of every product that was searched: the best of each batch, averaged over them. */
export function bestRatios(losses: LayerCalibration['losses']): Partial<Record<LinearRole, number>> {
  const best = (batches: readonly Float64Array[]): number =>
    batches.reduce((sum, each) => sum + each.indexOf(Math.min(...each)) / NUM_RATIOS, 0) / batches.length;
  return Object.fromEntries(Object.entries(losses).map(([role, batches]) => [role, best(batches)]));
}

/** Elements of the buffers that a layer is calibrated with. */
function scratchLengths(
  runner: LayerRunner,
  specs: LayerSpecs,
  { search, wantsProducts }: CalibrateOptions,
): Readonly<Record<string, number>> {
  const lengths: Record<string, number> = search ? { ...searchLengths(runner, specs) } : {};
  for (const role of LINEAR_ROLES) {
    const stride = rowStride(specs.numInputs(role));
    lengths[`statistics.${role}`] = 4 * stride;
    if (wantsProducts) lengths[`products.${role}`] = stride * stride;
  }
  return lengths;
}

/** Buffers of f32 by name; on failure nothing stays. */
async function allocateAll(
  gpu: GpuContext,
  lengths: Readonly<Record<string, number>>,
): Promise<Readonly<Record<string, GPUBuffer>>> {
  const buffers: Record<string, GPUBuffer> = {};
  try {
    for (const [name, length] of Object.entries(lengths)) buffers[name] = await gpu.allocate(name, length * 4);
  } catch (error) {
    gpu.release(...Object.values(buffers));
    throw error;
  }
  return buffers;
}

type PerRole<T> = Readonly<Record<LinearRole, T>>;

function perRole<T>(make: (role: LinearRole) => T): PerRole<T> {
  return Object.fromEntries(LINEAR_ROLES.map((role) => [role, make(role)])) as PerRole<T>;
}

class Calibration {
  readonly #runner: LayerRunner;
  readonly #specs: LayerSpecs;
  readonly #options: CalibrateOptions;
  readonly #layer: DecoderLayer;
  readonly #buffers: Readonly<Record<string, GPUBuffer>>;
  readonly #search: RatioSearch | undefined;
  readonly #batches: PerRole<BatchStatistics[]> = perRole(() => []);
  readonly #losses: Partial<Record<LinearRole, Float64Array[]>> = {};
  readonly #outputs: HiddenStates[] = [];

  constructor(
    runner: LayerRunner,
    specs: LayerSpecs,
    tensors: LayerTensors,
    weights: LoadedWeights,
    buffers: Readonly<Record<string, GPUBuffer>>,
    options: CalibrateOptions,
  ) {
    this.#runner = runner;
    this.#specs = specs;
    this.#options = options;
    this.#layer = decoderLayer(runner.config, weights, specs.index);
    this.#buffers = buffers;
    const { search } = options;
    if (search)
      this.#search = new RatioSearch(
        runner,
        specs,
        tensors,
        this.#layer,
        search.grid,
        buffers as Record<SearchBuffer, GPUBuffer>,
      );
  }

  async add({ sequences, hidden }: CalibrationBatch): Promise<void> {
    const runner = this.#runner;
    const { config } = runner;
    runner.begin(sequences);
    runner.write(hidden);
    const observe: Observer = (...seen) => this.#observe(...seen);
    runner.run((ctx) => attentionBlock(ctx, config, this.#layer, this.#specs.index), observe);
    const middle = await runner.read();
    runner.run((ctx) => mlpBlock(ctx, config, this.#layer), observe);
    const output = await runner.read();
    this.#outputs.push(output);
    for (const role of LINEAR_ROLES) this.#batches[role].push(await this.#readStatistics(role));
    for (const role of this.#options.search?.roles ?? []) {
      throwIfAborted(this.#options.signal);
      const activations = absmeanOf(this.#batches[role].at(-1) as BatchStatistics);
      const isFirst = role === 'qkv' || role === 'output';
      const losses = await this.#search?.losses(role, activations, isFirst ? [hidden, middle] : [middle, output]);
      if (losses) this.#losses[role] = [...(this.#losses[role] ?? []), losses];
    }
  }

  async finish(): Promise<LayerCalibration> {
    const { wantsProducts } = this.#options;
    const products = new Map<LinearRole, Float32Array>();
    for (const role of wantsProducts ? LINEAR_ROLES : []) {
      products.set(role, await this.#runner.readFloats(this.#buffer('products', role), this.#stride(role) ** 2));
    }
    return {
      statistics: perRole((role) => joinStatistics(this.#batches[role])),
      losses: this.#losses,
      ...(wantsProducts && { products: perRole((role) => products.get(role) as Float32Array) }),
      outputs: this.#outputs,
    };
  }

  #buffer(kind: 'statistics' | 'products', role: LinearRole): GPUBuffer {
    return this.#buffers[`${kind}.${role}`] as GPUBuffer;
  }

  #stride(role: LinearRole): number {
    return rowStride(this.#specs.numInputs(role));
  }

  #observe(...[dispatch, matrix, x]: Parameters<Observer>): void {
    const { gpu, numRows } = this.#runner;
    const role = LINEAR_ROLES.find((each) => linearOf(this.#layer, each).matrix === matrix);
    if (!role) return;
    const shape = { numRows, stride: this.#stride(role) };
    dispatch(columnStats.plan(shape, gpu.profile), { x, stats: this.#buffer('statistics', role) });
    if (!this.#options.wantsProducts) return;
    dispatch(columnProducts.plan(shape, gpu.profile), { x, sums: this.#buffer('products', role) });
  }

  async #readStatistics(role: LinearRole): Promise<BatchStatistics> {
    const stride = this.#stride(role);
    const all = await this.#runner.readFloats(this.#buffer('statistics', role), 4 * stride);
    const numCols = this.#specs.numInputs(role);
    const [min, max, sum, absSum] = [0, 1, 2, 3].map((i) => all.subarray(i * stride, i * stride + numCols));
    return { numRows: this.#runner.numRows, min, max, sum, absSum } as BatchStatistics;
  }
}
