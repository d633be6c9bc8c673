// The checkpoint that quantising writes: a file for every layer, so that a finished layer is a finished file, and files for
// what is not quantised. All of them carry the job they belong to. What is in a layer's file is quantize-layer.ts.
import { PagemindError } from '../errors.js';
import type { Checkpoint } from '../load/checkpoint.js';
import { isSafetensorsDtype, readSafetensorsHeader, type SafetensorsHeader } from '../load/safetensors.js';
import { type TensorData, writeSafetensors } from '../load/safetensors-writer.js';
import type { ModelSink } from '../load/sink.js';
import type { ByteSource, ModelSource } from '../load/source.js';
import type { TensorEntry } from '../load/tensor-entry.js';

/** Where a job writes, and finds what it wrote before it was broken off. */
export interface WorkFolder extends ModelSink, Pick<ModelSource, 'open'> {}

/** A layer's file, whole. */
export interface FinishedLayer {
  readonly header: SafetensorsHeader;
  readonly source: ByteSource;
  readonly path: string;
}

/** Files of tensors that are not quantised end here, unless one tensor is larger. */
const MAX_FILE_BYTES = 64 * 2 ** 20;

/** Key of a file's metadata. */
const JOB = 'pagemind_job';

export class QuantizedOutput {
  readonly #folder: WorkFolder;
  readonly #job: string;
  readonly #numLayers: number;
  readonly #others: readonly (readonly (readonly [string, TensorEntry])[])[];

  /**
   * @param job names all that the output depends on
   * @param others tensors that are copied, by name
   */
  constructor(folder: WorkFolder, job: string, numLayers: number, others: ReadonlyMap<string, TensorEntry>) {
    this.#folder = folder;
    this.#job = job;
    this.#numLayers = numLayers;
    const files: [string, TensorEntry][][] = [];
    let room = 0;
    for (const [name, entry] of others) {
      if (files.length === 0 || entry.length > room) {
        files.push([]);
        room = MAX_FILE_BYTES;
      }
      files.at(-1)?.push([name, entry]);
      room -= entry.length;
    }
    this.#others = files;
  }

  /** The file of a layer, if this job has written it. */
  layer(index: number): Promise<FinishedLayer | undefined> {
    return this.#find(this.#path(index));
  }

  writeLayer(index: number, tensors: Readonly<Record<string, TensorData>>): Promise<void> {
    return this.#write(this.#path(index), tensors);
  }

  /** Copies the tensors that are not quantised, and writes the index of all; the layers must be there. */
  async finish(signal: AbortSignal | undefined): Promise<void> {
    for (const [i, entries] of this.#others.entries()) {
      const path = this.#path(this.#numLayers + i);
      if (await this.#find(path)) continue;
      const tensors: Record<string, TensorData> = {};
      for (const [name, { dtype, shape, source, offset, length }] of entries) {
        if (!isSafetensorsDtype(dtype)) {
          throw new PagemindError(
            'unsupported_format',
            `'${name}' is stored as ${dtype}, which safetensors do not know.`,
            {
              hint: 'Quantise from the original checkpoint, not from a GGUF file.',
            },
          );
        }
        tensors[name] = { dtype, shape, data: await source.read(offset, length, signal) };
      }
      await this.#write(path, tensors);
    }
    const weightMap: Record<string, string> = {};
    let totalSize = 0;
    for (let i = 0; i < this.#numFiles; i++) {
      const path = this.#path(i);
      for (const [name, { length }] of (await this.#find(path))?.header.tensors ?? []) {
        weightMap[name] = path;
        totalSize += length;
      }
    }
    const index = { metadata: { total_size: totalSize }, weight_map: weightMap };
    const text = `${JSON.stringify(index, undefined, 2)}\n`;
    await this.#folder.write('model.safetensors.index.json', new TextEncoder().encode(text));
  }

  get #numFiles(): number {
    return this.#numLayers + this.#others.length;
  }

  #path(file: number): string {
    const number = (i: number): string => String(i).padStart(5, '0');
    return `model-${number(file + 1)}-of-${number(this.#numFiles)}.safetensors`;
  }

  /** A file that was cut short, or is another job's, counts for nothing. */
  async #find(path: string): Promise<FinishedLayer | undefined> {
    const source = await this.#folder.open(path);
    if (!source) return undefined;
    try {
      const header = await readSafetensorsHeader(source, path);
      return header.metadata[JOB] === this.#job ? { header, source, path } : undefined;
    } catch (error) {
      if (error instanceof PagemindError && error.code === 'file_malformed') return undefined;
      throw error;
    }
  }

  #write(path: string, tensors: Readonly<Record<string, TensorData>>): Promise<void> {
    return this.#folder.write(path, writeSafetensors(tensors, { format: 'pt', [JOB]: this.#job }));
  }
}

/** A layer's file as a checkpoint. @param nameOf the name that specs use for a stored one */
export function layerCheckpoint(
  checkpoint: Checkpoint,
  { header, source, path }: FinishedLayer,
  nameOf: (stored: string) => string,
): Checkpoint {
  const tensors = Array.from(header.tensors, ([name, location]): [string, TensorEntry] => [
    nameOf(name),
    { ...location, source, file: path },
  ]);
  return { ...checkpoint, tensors: new Map(tensors) };
}

/**
 * Modules that stay as they were: the shortest names that stand for them and for none that was quantised.
 * @param names of all tensors of the original
 * @param quantized stems of those that were quantised
 */
export function unconvertedModules(checkpoint: Checkpoint, quantized: readonly string[]): readonly string[] {
  const modules = new Set<string>();
  for (const [name, { shape }] of checkpoint.tensors) {
    const stem = name.replace(/\.weight$/, '');
    if (stem === name || shape.length < 2 || quantized.includes(stem)) continue;
    const parts = stem.split('.');
    const isFree = (prefix: string): boolean =>
      !quantized.some((each) => each === prefix || each.startsWith(`${prefix}.`));
    const length = parts.findIndex((_, i) => isFree(parts.slice(0, i + 1).join('.')));
    modules.add(parts.slice(0, length + 1).join('.'));
  }
  return [...modules].sort();
}
