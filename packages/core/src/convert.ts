// Packs a checkpoint once: loads it as an engine would, reads the weights back from the device and writes them in the
// engine's own layout, beside its text files as they are. Loading what comes out is load/packed-plan.ts.
import { type QuantizeOptions, resolveWeightPolicy } from './config.js';
import type { LoadProgress } from './engine/core.js';
import { invariant, PagemindError, throwIfAborted } from './errors.js';
import { GpuContext } from './gpu/context.js';
import { readBuffer } from './gpu/read-buffer.js';
import { BufferUsage } from './gpu/usage.js';
import type { HubModelOptions } from './hub/open-model.js';
import { type Checkpoint, matrixDtype } from './load/checkpoint.js';
import { type PackedWeight, planeBytesOf } from './load/packed-format.js';
import { MAX_SHARD_BYTES, PackedWriter } from './load/packed-writer.js';
import type { ModelSink } from './load/sink.js';
import type { ModelSource } from './load/source.js';
import { type LoadedWeights, loadWeights } from './load/weight-loader.js';
import { partsOf } from './load/weight-parts.js';
import type { WeightSpec } from './load/weights.js';
import { openModel, resolveModel } from './models/model.js';
import type { Platform } from './platform/platform.js';
import { TOKEN_FILES, TOKENIZER_FILES } from './text/create-tokenizer.js';

/** Progress of a conversion; bytes count those read from the source, then those written. */
export interface ConvertProgress extends Omit<LoadProgress, 'phase'> {
  readonly phase: 'files' | 'download' | 'weights' | 'write';
}

/** How to convert a checkpoint; weights of a group that is not mentioned stay as they are stored. */
export interface ConvertOptions extends QuantizeOptions, HubModelOptions {
  /** Largest file of weights. Default 64 MiB; at least 64 KiB. */
  readonly maxShardBytes?: number;
  readonly onProgress?: (progress: ConvertProgress) => void;
  readonly signal?: AbortSignal;
}

/** What a conversion wrote. */
export interface ConvertSummary {
  /** Bytes of the source's tensors. */
  readonly sourceBytes: number;
  /** Bytes of all files that were written, and how much of it are weights. */
  readonly totalBytes: number;
  readonly weightBytes: number;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/** What a checkpoint may have beside its weights. The one that makes a folder a checkpoint is written last. */
const TEXT_FILES: readonly string[] = [
  ...TOKENIZER_FILES,
  ...TOKEN_FILES,
  ...['chat_template.jinja', 'chat_template.json'],
  ...['preprocessor_config.json', 'processor_config.json', 'generation_config.json'],
  ...['README.md', 'LICENSE', 'LICENSE.txt', 'LICENSE.md', 'NOTICE', 'NOTICE.txt'],
  'config.json',
];
const MAX_TEXT_BYTES = 128 * 2 ** 20;
const MIN_SHARD_BYTES = 64 * 2 ** 10;
const STAGING_BYTES = 8 * 2 ** 20;

/**
 * Writes the checkpoint of `source` to `sink` as a packed one. At most one file of weights is held in memory.
 * @throws PagemindError; its code says what was wrong. What was written until then stays, without a config.json.
 */
export async function convertCheckpoint(
  platform: Platform,
  source: ModelSource,
  sink: ModelSink,
  options: ConvertOptions = {},
): Promise<ConvertSummary> {
  const { onProgress, signal, maxShardBytes = MAX_SHARD_BYTES } = options;
  const policy = resolveWeightPolicy(options);
  if (!(maxShardBytes >= MIN_SHARD_BYTES && maxShardBytes <= MAX_SHARD_BYTES)) {
    throw new PagemindError('invalid_option', `The option maxShardBytes is ${maxShardBytes}.`, {
      hint: `It must lie between ${MIN_SHARD_BYTES} and ${MAX_SHARD_BYTES}.`,
    });
  }
  onProgress?.({ phase: 'files', loadedBytes: 0, totalBytes: 0, text: `Opening ${source.name}` });
  const original = await openModel(source, signal);
  const { checkpoint, specs, isIgnored } = resolveModel(original);
  const files: { path: string; bytes: number }[] = [];
  const write: ModelSink['write'] = async (path, bytes) => {
    throwIfAborted(signal);
    await sink.write(path, bytes);
    files.push({ path, bytes: bytes.length });
  };

  const gpu = await GpuContext.open(platform.gpu());
  let weightBytes = 0;
  try {
    const weights = await loadWeights(gpu, checkpoint, specs, policy, {
      ignored: isIgnored,
      onProgress: (loadedBytes, totalBytes) =>
        onProgress?.({ phase: 'weights', loadedBytes, totalBytes, text: 'Loading weights' }),
      ...(signal && { signal }),
    });
    await source.settle?.(signal);
    await writePacked({ gpu, original, specs, weights }, maxShardBytes, write, (path, bytes) => {
      weightBytes += bytes;
      const progress = { loadedBytes: weightBytes, totalBytes: weights.bytes, text: `Writing ${path}` };
      onProgress?.({ phase: 'write', ...progress });
    });
  } finally {
    gpu.dispose();
  }
  await copyTexts(original.texts ?? source, write, signal);
  return {
    sourceBytes: [...original.tensors.values()].reduce((sum, { length }) => sum + length, 0),
    totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    weightBytes,
    files,
  };
}

/** Weights on a device, and where they came from. */
export interface PackableWeights {
  readonly gpu: GpuContext;
  readonly original: Checkpoint;
  readonly specs: readonly WeightSpec[];
  readonly weights: LoadedWeights;
}

/** Writes weights as they are on the device, and their index. */
export async function writePacked(
  { gpu, original, specs, weights }: PackableWeights,
  maxShardBytes: number,
  write: ModelSink['write'],
  onFile: (path: string, bytes: number) => void = () => {},
): Promise<void> {
  const writer = new PackedWriter(packedWeights(specs, weights), matrixDtype(original), maxShardBytes);
  const staging = await gpu.allocate('staging', STAGING_BYTES, BufferUsage.mapRead | BufferUsage.copyDst);
  try {
    for (const shard of writer.shards) {
      const bytes = await writer.file(shard, async ({ weight, plane, start }, into) => {
        let skipped = 0;
        let filled = 0;
        for (const { buffer, bytes: size } of buffersOf(weights, weight, plane)) {
          const from = Math.max(0, start - skipped);
          const length = Math.min(size - from, into.length - filled);
          if (length > 0) await readBuffer(gpu, staging, buffer, from, into.subarray(filled, filled + length));
          filled += Math.max(0, length);
          skipped += size;
        }
      });
      await write(shard.path, bytes);
      onFile(shard.path, bytes.length);
    }
  } finally {
    gpu.release(staging);
  }
  const index = writer.index();
  if (index !== undefined) await write('model.safetensors.index.json', new TextEncoder().encode(index));
}

/** Copies what a checkpoint has beside its weights, byte for byte; config.json comes last, and may be another. */
export async function copyTexts(
  source: ModelSource,
  write: ModelSink['write'],
  signal: AbortSignal | undefined,
  config?: Uint8Array<ArrayBuffer>,
): Promise<void> {
  for (const path of TEXT_FILES) {
    if (path === 'config.json' && config) {
      await write(path, config);
      continue;
    }
    const file = await source.open(path, signal);
    if (!file) continue;
    if (file.size > MAX_TEXT_BYTES) {
      throw new PagemindError('file_malformed', `${path} has ${file.size} bytes; the limit is ${MAX_TEXT_BYTES}.`, {
        hint: `Check ${path}, or download it again.`,
      });
    }
    await write(path, await file.read(0, file.size, signal));
  }
}

/** How the weights are stored, in the order of their specs. */
function packedWeights(specs: readonly WeightSpec[], { matrices }: LoadedWeights): ReadonlyMap<string, PackedWeight> {
  const weights = new Map<string, PackedWeight>();
  for (const { name, ...spec } of specs) {
    if (spec.kind === 'vector') {
      weights.set(name, { kind: 'vector', length: spec.length });
      continue;
    }
    const [first] = partsOf(matrices, name, 1);
    invariant(first, `${name} was loaded`);
    const { options, numCols } = first.matrix;
    weights.set(name, { kind: 'matrix', options, numRows: spec.numRows, numCols });
  }
  return weights;
}

/** Where a plane lies: in one buffer, or in several if the matrix was cut. */
function buffersOf(
  { matrices, vectors }: LoadedWeights,
  name: string,
  plane: string,
): readonly { readonly buffer: GPUBuffer; readonly bytes: number }[] {
  const vector = vectors.get(name);
  if (vector) return [{ buffer: vector.buffer, bytes: vector.buffer.size }];
  return partsOf(matrices, name, 1).map(({ matrix }) => {
    const buffer = matrix.planes[plane];
    invariant(buffer, `${name} was loaded`);
    return { buffer, bytes: planeBytesOf({ kind: 'matrix', ...matrix })[plane] ?? 0 };
  });
}
