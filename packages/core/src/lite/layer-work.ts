// The work on one layer after the other: streams it in, calibrates, quantises, writes, and sends the calibration batches on.
// What the methods do is quantize-layer.ts, which layers are to do is quantize-checkpoint.ts.
import type { InputStatistics } from '@pagemind/quant';
import { invariant, throwIfAborted } from '../errors.js';
import type { Checkpoint } from '../load/checkpoint.js';
import { findQuantized } from '../load/find-quantized.js';
import { loadWeights } from '../load/weight-loader.js';
import { partsOf } from '../load/weight-parts.js';
import { attentionBlock, decoderLayer, mlpBlock } from '../models/decoder.js';
import { weightName } from '../models/decoder-weights.js';
import type { ModelPlan } from '../models/model.js';
import {
  type CalibrateOptions,
  type CalibrationBatch,
  calibrateLayer,
  type LayerCalibration,
} from './calibrate-layer.js';
import type { HiddenStates, LayerRunner } from './layer-runner.js';
import { LayerSpecs, type LayerTensors, LINEAR_ROLES, readLayer, withTensors } from './layer-tensors.js';
import { type LayerMethod, quantizeLayer } from './quantize-layer.js';
import { type FinishedLayer, layerCheckpoint, type QuantizedOutput } from './quantized-output.js';
import { smoothedRoles } from './smooth-layer.js';
import type { StoredNames } from './stored-names.js';

/** All that the layers of a job have in common. */
export interface LayerJob {
  readonly runner: LayerRunner;
  readonly model: ModelPlan;
  readonly method: LayerMethod;
  /** The config.json that is written. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly names: StoredNames;
  readonly output: QuantizedOutput;
  readonly signal: AbortSignal | undefined;
}

/** Takes layers in order. What an earlier run finished is passed through only when a later layer needs it. */
export class LayerWork {
  readonly #job: LayerJob;
  #batches: readonly CalibrationBatch[] = [];
  /** The layer that the batches are before. */
  #at = 0;

  constructor(job: LayerJob) {
    this.#job = job;
  }

  /** Quantises a layer and writes it; returns its loss. */
  async quantize(layer: LayerSpecs, ids: readonly CalibrationBatch['sequences'][]): Promise<number> {
    const { decoder } = this.#job.model;
    const { method, grid, searchScale, clip } = this.#job.method;
    const { tensors, calibration } = await this.#calibrate(layer, ids, {
      ...(method === 'awq' && searchScale && { search: { roles: smoothedRoles(decoder, layer), grid } }),
      wantsProducts: method === 'gptq' || clip,
    });
    const stored = quantizeLayer(decoder, layer, tensors, calibration, this.#job.method);
    throwIfAborted(this.#job.signal);
    await this.#job.output.writeLayer(layer.index, this.#job.names.store(stored));
    const outputs = await this.#runWritten(layer);
    const { stride, config } = this.#job.runner;
    const loss = meanSquaredError(outputs, calibration.outputs, stride / config.hiddenSize);
    this.#advance(method === 'gptq' ? outputs : calibration.outputs);
    return loss;
  }

  /** Statistics of what goes into the products of a layer, by the names of their linears' tensors. */
  async statistics(
    layer: LayerSpecs,
    ids: readonly CalibrationBatch['sequences'][],
  ): Promise<ReadonlyMap<string, InputStatistics>> {
    const { calibration } = await this.#calibrate(layer, ids, {});
    this.#advance(calibration.outputs);
    const { names } = this.#job;
    const entries = LINEAR_ROLES.flatMap((role) =>
      layer.linears(role).map((name) => [names.stored(name), calibration.statistics[role]] as const),
    );
    return new Map(entries);
  }

  /** Runs the batches through a layer as the checkpoint has it. They stay before it. */
  async #calibrate(
    layer: LayerSpecs,
    ids: readonly CalibrationBatch['sequences'][],
    options: CalibrateOptions,
  ): Promise<{ readonly tensors: LayerTensors; readonly calibration: LayerCalibration }> {
    const { runner, model, signal } = this.#job;
    if (this.#batches.length === 0) await this.#embed(ids);
    while (this.#at < layer.index) await this.#pass(new LayerSpecs(model.specs, this.#at));
    const tensors = await readLayer(model.checkpoint, layer, signal);
    const weights = await this.#load(withTensors(model.checkpoint, tensors), layer);
    try {
      const wanted = { ...options, signal };
      return { tensors, calibration: await calibrateLayer(runner, layer, tensors, weights, this.#batches, wanted) };
    } finally {
      weights.destroy();
    }
  }

  async #embed(ids: readonly CalibrationBatch['sequences'][]): Promise<void> {
    const { runner, model } = this.#job;
    const { checkpoint, specs } = model;
    const table = specs.filter(({ name }) => name === weightName.embedding);
    const weights = await loadWeights(runner.gpu, checkpoint, table, {}, { ignored: () => true });
    try {
      const parts = partsOf(weights.matrices, weightName.embedding, runner.config.vocabSize);
      invariant(parts.length > 0, 'a decoder has an embedding table');
      const batches: CalibrationBatch[] = [];
      for (const sequences of ids) {
        throwIfAborted(this.#job.signal);
        runner.begin(sequences);
        batches.push({ sequences, hidden: await runner.embed(parts) });
      }
      this.#batches = batches;
    } finally {
      weights.destroy();
    }
  }

  /** Sends the batches through a layer that is finished already, as it did when that was quantised. */
  async #pass(layer: LayerSpecs): Promise<void> {
    if (this.#job.method.method === 'gptq') {
      this.#advance(await this.#runWritten(layer));
      return;
    }
    const tensors = await readLayer(this.#job.model.checkpoint, layer, this.#job.signal);
    this.#advance(await this.#run(withTensors(this.#job.model.checkpoint, tensors), layer));
  }

  /** Through the layer as its file has it. */
  async #runWritten(layer: LayerSpecs): Promise<readonly HiddenStates[]> {
    const written = (await this.#job.output.layer(layer.index)) as FinishedLayer;
    const checkpoint = layerCheckpoint(this.#job.model.checkpoint, written, (name) => this.#job.names.specName(name));
    const quantized = await findQuantized(
      checkpoint.tensors,
      this.#job.config,
      async () => undefined,
      this.#job.signal,
    );
    return this.#run({ ...checkpoint, quantized }, layer);
  }

  async #run(checkpoint: Checkpoint, layer: LayerSpecs): Promise<readonly HiddenStates[]> {
    const weights = await this.#load(checkpoint, layer);
    try {
      const { config } = this.#job.runner;
      const loaded = decoderLayer(config, weights, layer.index);
      const outputs: HiddenStates[] = [];
      for (const { sequences, hidden } of this.#batches) {
        throwIfAborted(this.#job.signal);
        this.#job.runner.begin(sequences);
        this.#job.runner.write(hidden);
        // In two submissions, as calibration has it.
        this.#job.runner.run((ctx) => attentionBlock(ctx, config, loaded, layer.index));
        this.#job.runner.run((ctx) => mlpBlock(ctx, config, loaded));
        outputs.push(await this.#job.runner.read());
      }
      return outputs;
    } finally {
      weights.destroy();
    }
  }

  #load(checkpoint: Checkpoint, layer: LayerSpecs): ReturnType<typeof loadWeights> {
    return loadWeights(this.#job.runner.gpu, checkpoint, layer.specs, {}, { ignored: () => true });
  }

  #advance(outputs: readonly HiddenStates[]): void {
    this.#batches = this.#batches.map(({ sequences }, i) => ({ sequences, hidden: outputs[i] as HiddenStates }));
    this.#at += 1;
  }
}

/** Of rows whose padding is 0. */
function meanSquaredError(actual: readonly HiddenStates[], wanted: readonly HiddenStates[], padding: number): number {
  let [sum, count] = [0, 0];
  for (const [i, states] of wanted.entries()) {
    count += states.length;
    for (let at = 0; at < states.length; at++) sum += ((actual[i]?.[at] as number) - (states[at] as number)) ** 2;
  }
  return sum / (count / padding);
}
