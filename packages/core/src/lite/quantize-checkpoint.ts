// Quantises a checkpoint with calibration, layer by layer, into one that other tools read: streams a layer in, calibrates,
// quantises, writes its file. A job that was broken off goes on at the layer it had reached, and writes the same bytes.
import { assembleTokenizer } from '../assemble-text.js';
import { copyTexts } from '../convert.js';
import { PagemindError, throwIfAborted } from '../errors.js';
import { GpuContext } from '../gpu/context.js';
import { type TensorData, writeSafetensors } from '../load/safetensors-writer.js';
import type { ModelSource } from '../load/source.js';
import { openModel, resolveModel } from '../models/model.js';
import type { Platform } from '../platform/platform.js';
import { calibrationBatches } from './calibration-text.js';
import { LayerRunner } from './layer-runner.js';
import { LayerSpecs } from './layer-tensors.js';
import { type LayerJob, LayerWork } from './layer-work.js';
import type { QuantizeModelOptions, QuantizeSummary } from './options.js';
import { checkQuantizable, jobOf, quantizedConfig, resolveMethod } from './quantize-job.js';
import { QuantizedOutput, type WorkFolder } from './quantized-output.js';
import { StoredNames } from './stored-names.js';

/**
 * Quantises the decoder's linears of the checkpoint of `source` into `folder`. Hidden states of all windows are held in
 * memory (samples × seqlen × hidden size × 4 bytes), weights of one layer at a time.
 * @throws PagemindError; its code says what was wrong. Finished layers stay, and the same call goes on after them.
 */
export async function quantizeCheckpoint(
  platform: Platform,
  source: ModelSource,
  folder: WorkFolder,
  options: QuantizeModelOptions,
): Promise<QuantizeSummary> {
  const { onProgress, signal } = options;
  const { job, layers, ids, samples, seqlen, batchSize } = await openJob(source, folder, options);
  const { output, config, model } = job;
  const numLayers = layers.length;
  const gpu = await GpuContext.open(platform.gpu());
  const losses: (number | undefined)[] = [];
  let numFound = 0;
  try {
    const runner = await LayerRunner.create(gpu, model.decoder, batchSize, seqlen);
    const work = new LayerWork({ ...job, runner });
    const startedAt = platform.now();
    for (const layer of layers) {
      throwIfAborted(signal);
      const found = await output.layer(layer.index);
      losses.push(found ? undefined : await work.quantize(layer, ids));
      if (found) numFound += 1;
      const done = layer.index + 1;
      const loss = losses.at(-1);
      const etaMs = ((platform.now() - startedAt) / Math.max(done - numFound, 1)) * (numLayers - done);
      const progress = { layer: done, numLayers, etaMs, ...(loss !== undefined && { loss }) };
      onProgress?.({ ...progress, phase: 'layers', text: `Layer ${done} of ${numLayers}` });
    }
  } finally {
    gpu.dispose();
  }
  onProgress?.({ phase: 'write', layer: numLayers, numLayers, text: 'Copying what is not quantised' });
  await output.finish(signal);
  const configText = `${JSON.stringify(config, undefined, 2)}\n`;
  const write: WorkFolder['write'] = (path, bytes) => folder.write(path, bytes);
  await copyTexts(source, write, signal, new TextEncoder().encode(configText));
  onProgress?.({ phase: 'ready', layer: numLayers, numLayers, text: `${source.name} is quantised` });
  return { numLayers, numFound, losses, samples, seqlen };
}

/**
 * Statistics of what goes into every linear of the decoder, as a safetensors file: `<statistic>.<linear>` f32, for the
 * statistics of LMDeploy's `calibrate`.
 * @throws PagemindError; its code says what was wrong.
 */
export async function calibrateCheckpoint(
  platform: Platform,
  source: ModelSource,
  options: Pick<QuantizeModelOptions, 'calibration' | 'onProgress' | 'signal'>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { onProgress, signal } = options;
  const nowhere: WorkFolder = { open: async () => undefined, write: async () => {} };
  const { job, layers, ids, seqlen, batchSize } = await openJob(source, nowhere, { ...options, wGroupSize: 32 });
  const tensors: Record<string, TensorData> = {};
  const gpu = await GpuContext.open(platform.gpu());
  try {
    const work = new LayerWork({ ...job, runner: await LayerRunner.create(gpu, job.model.decoder, batchSize, seqlen) });
    for (const layer of layers) {
      throwIfAborted(signal);
      for (const [name, statistics] of await work.statistics(layer, ids)) {
        for (const [statistic, values] of Object.entries(statistics) as [string, Float32Array<ArrayBuffer>][]) {
          const data = new Uint8Array(values.buffer);
          tensors[`${statistic}.${name.replace(/\.weight$/, '')}`] = { dtype: 'F32', shape: [values.length], data };
        }
      }
      const [done, numLayers] = [layer.index + 1, layers.length];
      onProgress?.({ phase: 'layers', layer: done, numLayers, text: `Layer ${done} of ${numLayers}` });
    }
  } finally {
    gpu.dispose();
  }
  return writeSafetensors(tensors);
}

/** All that is decided before the device is opened. */
interface OpenedJob {
  readonly job: Omit<LayerJob, 'runner'>;
  readonly layers: readonly LayerSpecs[];
  readonly ids: readonly (readonly (readonly number[])[])[];
  readonly samples: number;
  readonly seqlen: number;
  readonly batchSize: number;
}

async function openJob(source: ModelSource, folder: WorkFolder, options: QuantizeModelOptions): Promise<OpenedJob> {
  const { onProgress, signal, calibration } = options;
  const method = resolveMethod(options);
  const { samples = 128, batchSize = 1, text } = calibration;
  checkCount('samples', samples);
  checkCount('batchSize', batchSize);
  checkCount('seqlen', calibration.seqlen ?? 2048);
  const original = await openModel(source, signal);
  const model = resolveModel(original);
  checkQuantizable(model, method);
  const { numLayers, maxPositions } = model.decoder;
  onProgress?.({ phase: 'files', layer: 0, numLayers, text: `Opening ${source.name}` });
  const seqlen = Math.min(calibration.seqlen ?? 2048, maxPositions);
  const tokenizer = await assembleTokenizer(source, signal);
  const ids = calibrationBatches(tokenizer.encode(text, { addSpecialTokens: false }), samples, seqlen, batchSize);
  const names = new StoredNames(original, model);
  const layers = Array.from({ length: numLayers }, (_, index) => new LayerSpecs(model.specs, index));
  const output = new QuantizedOutput(folder, await jobOf(original, method, ids), numLayers, names.others(layers));
  const config = quantizedConfig(original, names.linears(layers), method);
  const job = { model, method, config, names, output, signal };
  return { job, layers, ids, samples, seqlen, batchSize: Math.min(batchSize, samples) };
}

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new PagemindError('invalid_option', `${name} of the calibration is ${value}.`, {
    hint: 'Give a whole number.',
  });
}
