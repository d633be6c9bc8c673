// Quantises a checkpoint with calibration, layer by layer, into one that other tools read: streams a layer in, calibrates,
// quantises, writes its file. A job that was broken off goes on at the layer it had reached, and writes the same bytes.
import { assembleTokenizer } from '../assemble-text.js';
import { copyTexts } from '../convert.js';
import { throwIfAborted } from '../errors.js';
import { GpuContext } from '../gpu/context.js';
import { openCheckpoint } from '../load/checkpoint.js';
import type { ModelSource } from '../load/source.js';
import { resolveModel } from '../models/model.js';
import type { Platform } from '../platform/platform.js';
import { calibrationBatches } from './calibration-text.js';
import { LayerRunner } from './layer-runner.js';
import { LayerSpecs } from './layer-tensors.js';
import { LayerWork } from './layer-work.js';
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
  const method = resolveMethod(options);
  const original = await openCheckpoint(source, signal);
  const model = resolveModel(original);
  checkQuantizable(model, method);
  const { numLayers } = model.decoder;
  onProgress?.({ phase: 'files', layer: 0, numLayers, text: `Opening ${source.name}` });

  const { samples = 128, batchSize = 1, text } = options.calibration;
  const seqlen = Math.min(options.calibration.seqlen ?? 2048, model.decoder.maxPositions);
  const tokenizer = await assembleTokenizer(source, signal);
  const ids = calibrationBatches(tokenizer.encode(text, { addSpecialTokens: false }), samples, seqlen, batchSize);
  const job = await jobOf(original, method, ids);
  const names = new StoredNames(original, model);
  const layers = Array.from({ length: numLayers }, (_, index) => new LayerSpecs(model.specs, index));
  const output = new QuantizedOutput(folder, job, numLayers, names.others(layers));
  const config = quantizedConfig(original, names.linears(layers), method);

  const gpu = await GpuContext.open(platform.gpu());
  const losses: (number | undefined)[] = [];
  let numFound = 0;
  try {
    const runner = await LayerRunner.create(gpu, model.decoder, Math.min(batchSize, samples), seqlen);
    const work = new LayerWork({ runner, model, method, config, names, output, signal });
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
