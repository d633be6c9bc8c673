// Opens a checkpoint as the hub lays it out: its configuration, where every tensor lies, and its text files. All of it is
// untrusted. Nothing of a tensor but its place is read here, and no model family is known.
import { PagemindError } from '../errors.js';
import { findQuantized } from './find-quantized.js';
import { isRecord, parseJsonObject } from './json.js';
import { joinPacked, type PackedFile, type PackedWeights, readPackedMetadata } from './packed-format.js';
import type { QuantizedMatrix } from './quantized.js';
import { readSafetensorsHeader, type SafetensorsDtype } from './safetensors.js';
import { type SmallFiles, smallFiles } from './small-files.js';
import { type ByteSource, type ModelSource, splitPath } from './source.js';
import type { TensorEntry } from './tensor-entry.js';

/** An opened checkpoint. */
export interface Checkpoint extends SmallFiles {
  readonly name: string;
  /** config.json as it is. */
  readonly config: Readonly<Record<string, unknown>>;
  /** generation_config.json as it is, where there is one. */
  readonly generationConfig: Readonly<Record<string, unknown>> | undefined;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Matrices that are stored quantised, each in several of the tensors, by the names they would have otherwise. */
  readonly quantized?: ReadonlyMap<string, QuantizedMatrix>;
  /** Missing: the tensors are a model's, as the hub has them, and not the planes of packed weights. */
  readonly packed?: PackedWeights;
}

const MAX_SHARDS = 1024;

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const PICKLED_WEIGHTS: readonly string[] = ['pytorch_model.bin', 'pytorch_model.bin.index.json'];

/**
 * Opens the checkpoint of a source.
 * @throws PagemindError `file_missing`, `file_malformed`, `invalid_config`, `tensor_missing`, `unsupported_format`,
 * `source_unreachable`, `aborted`.
 */
export async function openCheckpoint(source: ModelSource, signal?: AbortSignal): Promise<Checkpoint> {
  const files = smallFiles(source);
  const config = await files.readText('config.json', signal);
  if (config === undefined) {
    throw await missing(source, 'no config.json', signal);
  }
  const generationConfig = await files.readText('generation_config.json', signal);
  const values = parseJsonObject(config, 'config.json', 'invalid_config');
  const found = await findTensors(source, signal);
  const quantized = found.packed ? undefined : await findQuantized(found.tensors, values, files.readText, signal);
  return {
    name: source.name,
    config: values,
    generationConfig:
      generationConfig === undefined
        ? undefined
        : parseJsonObject(generationConfig, 'generation_config.json', 'invalid_config'),
    ...found,
    ...(quantized?.size && { quantized }),
    ...files,
  };
}

async function findTensors(
  source: ModelSource,
  signal: AbortSignal | undefined,
): Promise<Pick<Checkpoint, 'tensors' | 'packed'>> {
  const single = await source.open(WEIGHTS, signal);
  if (single) {
    const { tensors, packed } = await readShard(single, WEIGHTS, signal);
    return withPacked(tensors, [packed]);
  }
  const index = await smallFiles(source).readText(INDEX, signal);
  if (index === undefined) throw await missing(source, `neither ${WEIGHTS} nor ${INDEX}`, signal);

  const shardOf = parseIndex(index);
  const paths = [...new Set(shardOf.values())];
  const shards = await Promise.all(
    paths.map(async (path) => {
      const file = await source.open(path, signal);
      if (file) return readShard(file, path, signal);
      throw new PagemindError('file_missing', `${source.name} has no ${path}, which ${INDEX} names.`, {
        hint: 'Download all shards of the model.',
      });
    }),
  );
  const tensors = new Map<string, TensorEntry>();
  for (const shard of shards) {
    for (const [name, entry] of shard.tensors) {
      // A tensor of a shard that the index does not mention belongs to the checkpoint all the same.
      if ((shardOf.get(name) ?? entry.file) !== entry.file) continue;
      if (tensors.has(name)) throw malformedIndex(`tensor ${name} is in two shards, and it does not say which counts`);
      tensors.set(name, entry);
    }
  }
  for (const [name, path] of shardOf) {
    if (tensors.has(name)) continue;
    throw new PagemindError('tensor_missing', `${path} lacks tensor ${name}, which ${INDEX} places there.`, {
      hint: 'Index and shards do not belong together; download all of them again.',
    });
  }
  return withPacked(
    tensors,
    shards.map(({ packed }) => packed),
  );
}

interface Shard {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly packed: PackedFile | undefined;
}

async function readShard(source: ByteSource, file: string, signal: AbortSignal | undefined): Promise<Shard> {
  const header = await readSafetensorsHeader(source, file, signal);
  const tensors = Array.from(header.tensors, ([name, location]) => [name, { ...location, source, file }] as const);
  const metadata = readPackedMetadata(header, source.size, file);
  const packed = metadata && { ...metadata, source, file, dataStart: header.dataStart };
  return { tensors: new Map(tensors), packed };
}

function withPacked(
  tensors: Checkpoint['tensors'],
  files: readonly (PackedFile | undefined)[],
): Pick<Checkpoint, 'tensors' | 'packed'> {
  const packed = joinPacked(files);
  return packed ? { tensors, packed } : { tensors };
}

/** Whether a checkpoint has a tensor, or a quantised matrix in its place. */
export function hasTensor({ tensors, quantized }: Checkpoint, name: string): boolean {
  return tensors.has(name) || quantized?.has(name) === true;
}

/** Dtype of the matrices as they were trained or published: the first one speaks for the checkpoint. */
export function matrixDtype({ tensors, packed }: Checkpoint): SafetensorsDtype | undefined {
  if (packed) return packed.dtype;
  // Of quantised matrices, the scales.
  for (const { dtype, shape } of tensors.values()) if (shape.length === 2 && /F\d\d$/.test(dtype)) return dtype;
  return undefined;
}

/** Shard by tensor name. */
function parseIndex(text: string): ReadonlyMap<string, string> {
  const { weight_map: weightMap } = parseJsonObject(text, INDEX, 'file_malformed');
  if (!isRecord(weightMap)) throw malformedIndex('it has no weight_map');
  const shardOf = new Map<string, string>();
  for (const [name, path] of Object.entries(weightMap)) {
    if (typeof path !== 'string' || !path.endsWith('.safetensors') || !splitPath(path)) {
      throw malformedIndex(`the shard of tensor ${name} is not a .safetensors file of this checkpoint`);
    }
    shardOf.set(name, path);
  }
  if (new Set(shardOf.values()).size > MAX_SHARDS) throw malformedIndex(`it names more than ${MAX_SHARDS} shards`);
  return shardOf;
}

function malformedIndex(reason: string): PagemindError {
  return new PagemindError('file_malformed', `${INDEX} cannot be used: ${reason}.`, {
    hint: 'Download the index again.',
  });
}

/** The error for a checkpoint without what it must have; names weights of another kind when those are there instead. */
async function missing(source: ModelSource, what: string, signal: AbortSignal | undefined): Promise<PagemindError> {
  const names = [...((await source.list?.()) ?? [])];
  for (const path of PICKLED_WEIGHTS) if (await source.open(path, signal)) names.push(path);
  const other = names.find((name) => /\.(gguf|bin|pth|pt)$|\.bin\.index\.json$/.test(name));
  if (other === undefined) {
    return new PagemindError('file_missing', `${source.name} has ${what}.`, {
      hint: 'Point to the folder that holds config.json and the safetensors files, as the hub lays them out.',
    });
  }
  const hint = other.endsWith('.gguf')
    ? 'GGUF files are not read yet; take the safetensors version of the model.'
    : 'Pickled PyTorch weights are not read, since they can run code; convert them to safetensors.';
  return new PagemindError('unsupported_format', `${source.name} has ${what}, but ${other}.`, { hint });
}
