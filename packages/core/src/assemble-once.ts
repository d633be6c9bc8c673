// Converts a model of a cache once: what quantising while loading makes of it is kept there, packed, and loaded from then on.
// How copies are kept is the source's business; what is in one, convert.ts.
import { type AssembleOptions, assembleEngine } from './assemble.js';
import { resolveWeightPolicy } from './config.js';
import { copyTexts, type PackableWeights, writePacked } from './convert.js';
import type { LocalEngine } from './engine/engine.js';
import { PagemindError, throwIfAborted } from './errors.js';
import { formatOf } from './load/checkpoint.js';
import type { ModelSink } from './load/sink.js';
import type { ModelSource, PackedCopies } from './load/source.js';
import { formatName } from './load/weights.js';
import type { Platform } from './platform/platform.js';

/** A file of a copy is in memory while it is written. */
const MAX_FILE_BYTES = 16 * 2 ** 20;

/**
 * Makes an engine as {@link assembleEngine} does, from the packed copy that an earlier load has left, if there is one; else
 * from the original, leaving one.
 * @throws PagemindError; its code says what was wrong with the original. That a copy cannot be kept or read is no error.
 */
export async function assembleOnce(
  platform: Platform,
  source: ModelSource,
  options: AssembleOptions,
): Promise<LocalEngine> {
  const formats = formatsOf(options);
  const { copies } = source;
  if (!copies || formats === '' || options.keepPacked === false) return assembleEngine(platform, source, options);
  const copy = await copies.find(formats);
  if (copy) {
    try {
      return await assembleEngine(platform, copy, options);
    } catch (error) {
      if (!isAboutFiles(error)) throw error;
      await copies.drop(formats);
    }
  }
  return assembleEngine(platform, source, options, (weights) => keep(copies, formats, source, weights, options.signal));
}

/** A copy is for the next time: this time nobody fails for want of it. */
async function keep(
  copies: PackedCopies,
  formats: string,
  source: ModelSource,
  weights: PackableWeights,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { original } = weights;
  if (formatOf(original) !== 'float') return;
  const fill = async (sink: ModelSink): Promise<void> => {
    const write: ModelSink['write'] = (path, bytes) => {
      throwIfAborted(signal);
      return sink.write(path, bytes);
    };
    await writePacked(weights, MAX_FILE_BYTES, write);
    await copyTexts(original.texts ?? source, write, signal);
  };
  await copies.keep(formats, weights.weights.bytes, fill).catch((error: unknown) => {
    if (!isAboutStorage(error)) throw error;
  });
}

/** Names what the options make of a model's weights; empty when they are taken as they are. */
function formatsOf(options: AssembleOptions): string {
  return Object.entries(resolveWeightPolicy(options))
    .map(([group, format]) => `${group} ${formatName(format)}`)
    .sort()
    .join(', ');
}

/** Something is wrong with the copy, and not with the device or the options. */
function isAboutFiles(error: unknown): boolean {
  const ofTensors = ['tensor_missing', 'tensor_unexpected', 'tensor_mismatch'];
  const codes = ['file_malformed', 'file_missing', 'checksum_mismatch', 'source_unreachable', ...ofTensors];
  return error instanceof PagemindError && codes.includes(error.code);
}

function isAboutStorage(error: unknown): boolean {
  const codes = ['storage_full', 'storage_unavailable', 'model_not_found', 'source_unreachable'];
  return error instanceof PagemindError && codes.includes(error.code);
}
