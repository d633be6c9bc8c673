// Opens a checkpoint as the hub lays it out: its configuration, where every tensor lies, and its text files. All of it is
// untrusted. Nothing of a tensor but its place is read here, and no model family is known.
import { PagemindError } from '../errors.js';
import {
  CONSOLIDATED,
  completeConfig,
  cutForDevices,
  hasPublishedNames,
  PARAMS,
  readParams,
  renameTensors,
  SECOND_CUT,
} from './consolidated.js';
import { joinF8Scales } from './f8-scales.js';
import { findQuantized } from './find-quantized.js';
import { findGguf, openGguf } from './gguf-checkpoint.js';
import { isRecord, parseJsonObject } from './json.js';
import { memorySource } from './memory-source.js';
import { joinPacked, type PackedFile, type PackedWeights, readPackedMetadata } from './packed-format.js';
import { readPytorchFile } from './pytorch.js';
import type { QuantizedMatrix } from './quantized.js';
import { readSafetensorsHeader, type SafetensorsDtype } from './safetensors.js';
import { type SmallFiles, smallFiles } from './small-files.js';
import { type ByteSource, type ModelSource, splitPath } from './source.js';
import type { TensorEntry } from './tensor-entry.js';

/** An opened checkpoint. */
export interface Checkpoint extends SmallFiles {
  readonly name: string;
  /** config.json as it is, or what a GGUF file or params.json says in its terms. */
  readonly config: Readonly<Record<string, unknown>>;
  /** generation_config.json as it is, where there is one. */
  readonly generationConfig: Readonly<Record<string, unknown>> | undefined;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Matrices that are stored quantised, each in several of the tensors, by the names they would have otherwise. */
  readonly quantized?: ReadonlyMap<string, QuantizedMatrix>;
  /** Missing: the tensors are a model's, as the hub has them, and not the planes of packed weights. */
  readonly packed?: PackedWeights;
  /** Where the small files come from, if not from the source: a GGUF file holds them, or config.json is made. */
  readonly texts?: ModelSource;
}

const MAX_SHARDS = 1024;

/** How weights lie in a folder: in one file, or in shards that an index names. */
interface Layout {
  readonly single: string;
  readonly index: string;
  readonly ending: string;
}

const SAFETENSORS: Layout = {
  single: 'model.safetensors',
  index: 'model.safetensors.index.json',
  ending: '.safetensors',
};
const PYTORCH: Layout = { single: 'pytorch_model.bin', index: 'pytorch_model.bin.index.json', ending: '.bin' };
/** Mistral's own. */
const MISTRAL: Layout = {
  single: 'consolidated.safetensors',
  index: 'consolidated.safetensors.index.json',
  ending: '.safetensors',
};

/**
 * Opens the checkpoint of a source.
 * @param check sees config.json before anything of the weights is asked for, and may throw
 * @throws PagemindError `file_missing`, `file_malformed`, `invalid_config`, `tensor_missing`, `unsupported_format`,
 * `unsupported_model`, `source_unreachable`, `aborted`; what `check` throws.
 */
export async function openCheckpoint(
  source: ModelSource,
  signal?: AbortSignal,
  check: (config: Checkpoint['config']) => void = () => {},
): Promise<Checkpoint> {
  const gguf = await findGguf(source);
  if (gguf !== undefined && !(await hasSafetensors(source, signal))) {
    const contents = await openGguf(source, gguf, signal);
    return { ...contents, name: source.name, ...smallFiles(contents.texts) };
  }
  const files = smallFiles(source);
  const config = await files.readText('config.json', signal);
  if (config === undefined) return openPublished(source, signal);
  const values = parseJsonObject(config, 'config.json', 'invalid_config');
  check(values);
  const { tensors: found, packed } = await findTensors(source, signal);
  const stored = hasPublishedNames(found) ? renameTensors(found, headDimOf(values)) : found;
  const tensors = packed ? stored : await joinF8Scales(stored, values, signal);
  const quantized = packed ? undefined : await findQuantized(tensors, values, files.readText, signal);
  return {
    name: source.name,
    config: values,
    generationConfig: await readGenerationConfig(files, signal),
    tensors,
    ...(packed && { packed }),
    ...(quantized?.size && { quantized }),
    ...files,
  };
}

async function hasSafetensors(source: ModelSource, signal: AbortSignal | undefined): Promise<boolean> {
  const { single, index } = SAFETENSORS;
  return ((await source.open(single, signal)) ?? (await source.open(index, signal))) !== undefined;
}

/** A checkpoint as Meta and Mistral publish theirs, with params.json in place of config.json. */
async function openPublished(source: ModelSource, signal: AbortSignal | undefined): Promise<Checkpoint> {
  const text = await smallFiles(source).readText(PARAMS, signal);
  if (text === undefined) throw missing(source, 'no config.json');
  const params = readParams(parseJsonObject(text, PARAMS, 'invalid_config'), source.name);
  const stored = await findPublished(source, signal);
  if (!stored) throw missing(source, `${PARAMS}, but neither ${MISTRAL.single} nor ${CONSOLIDATED}`);
  const config = completeConfig(params, stored, source.name);
  const made = memorySource({ 'config.json': JSON.stringify(config) });
  const open: ModelSource['open'] = async (path) => (await made.open(path)) ?? source.open(path, signal);
  const texts = { name: source.name, open };
  const files = smallFiles(texts);
  const generationConfig = await readGenerationConfig(files, signal);
  const tensors = renameTensors(stored, params.headDim);
  return { name: source.name, config, generationConfig, tensors, texts, ...files };
}

/** `head_dim` of a config.json that a family could read. */
function headDimOf({ head_dim, hidden_size, num_attention_heads }: Checkpoint['config']): number {
  return Number(head_dim ?? Number(hidden_size) / Number(num_attention_heads));
}

async function readGenerationConfig(
  files: SmallFiles,
  signal: AbortSignal | undefined,
): Promise<Checkpoint['generationConfig']> {
  const path = 'generation_config.json';
  const text = await files.readText(path, signal);
  return text === undefined ? undefined : parseJsonObject(text, path, 'invalid_config');
}

/**
 * Where the tensors of a folder lie; undefined where it has no weights under the names that the hub has for them.
 * @throws PagemindError as {@link openCheckpoint}.
 */
export async function openTensors(
  source: ModelSource,
  signal?: AbortSignal,
): Promise<Pick<Checkpoint, 'tensors' | 'packed'> | undefined> {
  return (await readLayout(source, SAFETENSORS, signal)) ?? (await readLayout(source, PYTORCH, signal));
}

async function findTensors(
  source: ModelSource,
  signal: AbortSignal | undefined,
): Promise<Pick<Checkpoint, 'tensors' | 'packed'>> {
  const found = await openTensors(source, signal);
  if (found) return found;
  const published = await findPublished(source, signal);
  if (published) return { tensors: published };
  // Checkpoints of PyTorch have many names; one file alone leaves no doubt.
  const [path, ...others] = ((await source.list?.()) ?? []).filter((name) => /\.(bin|pth|pt)$/.test(name));
  const file = path === undefined || others.length > 0 ? undefined : await source.open(path, signal);
  if (path !== undefined && file) return { tensors: (await readShard(file, path, signal)).tensors };
  throw missing(source, `neither ${SAFETENSORS.single} nor ${SAFETENSORS.index}`);
}

/** The tensors of Mistral's or Meta's files. */
async function findPublished(
  source: ModelSource,
  signal: AbortSignal | undefined,
): Promise<Checkpoint['tensors'] | undefined> {
  const layout = await readLayout(source, MISTRAL, signal);
  if (layout) return layout.tensors;
  if (await source.open(SECOND_CUT, signal)) throw cutForDevices(source.name);
  const file = await source.open(CONSOLIDATED, signal);
  return file && (await readShard(file, CONSOLIDATED, signal)).tensors;
}

async function readLayout(
  source: ModelSource,
  { single, index: indexPath, ending }: Layout,
  signal: AbortSignal | undefined,
): Promise<Pick<Checkpoint, 'tensors' | 'packed'> | undefined> {
  const whole = await source.open(single, signal);
  if (whole) {
    const { tensors, packed } = await readShard(whole, single, signal);
    return withPacked(tensors, [packed]);
  }
  const index = await smallFiles(source).readText(indexPath, signal);
  if (index === undefined) return undefined;

  const malformedIndex = (reason: string): PagemindError =>
    new PagemindError('file_malformed', `${indexPath} cannot be used: ${reason}.`, {
      hint: 'Download the index again.',
    });
  const shardOf = parseIndex(index, indexPath, ending, malformedIndex);
  const paths = [...new Set(shardOf.values())];
  const shards = await Promise.all(
    paths.map(async (path) => {
      const file = await source.open(path, signal);
      if (file) return readShard(file, path, signal);
      throw new PagemindError('file_missing', `${source.name} has no ${path}, which ${indexPath} names.`, {
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
    throw new PagemindError('tensor_missing', `${path} lacks tensor ${name}, which ${indexPath} places there.`, {
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
  if (!file.endsWith(SAFETENSORS.ending)) {
    const found = await readPytorchFile(source, file, signal);
    const entries = Array.from(found, ([name, location]) => [name, { ...location, source, file }] as const);
    return { tensors: new Map(entries), packed: undefined };
  }
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

/** How a checkpoint has its weights: as numbers, quantised by others' tools, or packed. */
export function formatOf({ packed, quantized }: Checkpoint): 'float' | 'quantized' | 'packed' {
  if (packed) return 'packed';
  return quantized?.size ? 'quantized' : 'float';
}

/** Whether a checkpoint has a tensor, or a quantised matrix in its place. */
export function hasTensor({ tensors, quantized }: Pick<Checkpoint, 'tensors' | 'quantized'>, name: string): boolean {
  return tensors.has(name) || quantized?.has(name) === true;
}

/** Dtype of the matrices as they were trained or published: the first one speaks for the checkpoint. */
export function matrixDtype({ tensors, packed }: Checkpoint): SafetensorsDtype | undefined {
  if (packed) return packed.dtype;
  // Of quantised matrices, the scales; blocks have none.
  for (const { dtype, shape } of tensors.values()) if (shape.length === 2 && isFloat(dtype)) return dtype;
  return undefined;
}

function isFloat(dtype: TensorEntry['dtype']): dtype is SafetensorsDtype {
  return /F\d\d$/.test(dtype);
}

/** Shard by tensor name. */
function parseIndex(
  text: string,
  indexPath: string,
  ending: string,
  malformedIndex: (reason: string) => PagemindError,
): ReadonlyMap<string, string> {
  const { weight_map: weightMap } = parseJsonObject(text, indexPath, 'file_malformed');
  if (!isRecord(weightMap)) throw malformedIndex('it has no weight_map');
  const shardOf = new Map<string, string>();
  for (const [name, path] of Object.entries(weightMap)) {
    if (typeof path !== 'string' || !path.endsWith(ending) || !splitPath(path)) {
      throw malformedIndex(`the shard of tensor ${name} is not a ${ending} file of this checkpoint`);
    }
    shardOf.set(name, path);
  }
  if (new Set(shardOf.values()).size > MAX_SHARDS) throw malformedIndex(`it names more than ${MAX_SHARDS} shards`);
  return shardOf;
}

/** The error for a checkpoint without what it must have. */
function missing(source: ModelSource, what: string): PagemindError {
  return new PagemindError('file_missing', `${source.name} has ${what}.`, {
    hint: 'Point to the folder that holds config.json and the weights, as the hub lays them out, or to a GGUF file.',
  });
}
