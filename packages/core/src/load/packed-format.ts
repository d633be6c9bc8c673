// What makes a file a packed one: the metadata of its header, written and read back with checks (it is untrusted).
// docs/formats.md describes the layout. Whether the weights fit a model is packed-plan.ts.
import { GROUP, type WeightFormatId, type WeightFormatOptions, weightFormats } from '@pagemind/quant';
import { PagemindError } from '../errors.js';
import { isRecord, parseJsonObject } from './json.js';
import type { SafetensorsDtype, SafetensorsHeader } from './safetensors.js';
import type { ByteSource } from './source.js';

/** How a weight is stored, in buffers of the engine's own layout. */
export type PackedWeight =
  | {
      readonly kind: 'matrix';
      readonly options: WeightFormatOptions;
      readonly numRows: number;
      readonly numCols: number;
    }
  | { readonly kind: 'vector'; readonly length: number };

/** What the metadata of a file says. */
export interface PackedMetadata {
  /** Dtype of the matrices before they were packed. */
  readonly dtype: SafetensorsDtype | undefined;
  /** By name: the weights that have a tensor in this file. */
  readonly weights: ReadonlyMap<string, PackedWeight>;
  /** The data behind the header is hashed in chunks of this many bytes, the last one shorter. */
  readonly chunkBytes: number;
  /** SHA-256 of every chunk, in hexadecimal. */
  readonly sha256: readonly string[];
}

/** A file of a packed checkpoint. */
export interface PackedFile extends PackedMetadata {
  readonly source: ByteSource;
  /** Path of the file, for messages. */
  readonly file: string;
  /** First byte of the data. */
  readonly dataStart: number;
}

/** What a packed checkpoint has beside its tensors, which are the planes of weights. */
export interface PackedWeights {
  readonly dtype: SafetensorsDtype | undefined;
  readonly weights: ReadonlyMap<string, PackedWeight>;
  readonly files: readonly PackedFile[];
}

const FORMAT = 'pagemind-packed';
const VERSION = '1';

/** Chunks are read and verified whole, so they bound the memory that loading takes. */
export const MAX_CHUNK_BYTES: number = 16 * 1024 * 1024;

/** Orders of columns of one matrix: three are joined at most. */
const MAX_TABLES = 16;

const MATRIX_DTYPES: readonly SafetensorsDtype[] = ['F32', 'F16', 'BF16'];

/** Bytes of the buffers of a weight, by plane. */
export function planeBytesOf(weight: PackedWeight): Readonly<Record<string, number>> {
  if (weight.kind === 'vector') return { vector: Math.ceil(weight.length / GROUP) * GROUP * 4 };
  const { options, numRows, numCols } = weight;
  return weightFormats[options.format].planeBytes(numRows, numCols, options);
}

/** Dtype of the tensors of a weight: f32 where its numbers are, else plain words. */
export function planeDtype(options: WeightFormatOptions | undefined): 'F32' | 'U32' {
  return options && options.format !== 'f32' ? 'U32' : 'F32';
}

/** Name of the tensor that holds a plane, or a part of one that is larger than a file. */
export function planeTensor(weight: string, plane: string, part?: number): string {
  return part === undefined ? `${weight}/${plane}` : `${weight}/${plane}/${part}`;
}

/** The metadata of a file. Its length depends on the number of hashes, not on their values. */
export function packedMetadata({ dtype, weights, chunkBytes, sha256 }: PackedMetadata): Record<string, string> {
  const table = Array.from(weights, ([name, weight]) => {
    if (weight.kind === 'vector') return [name, weight];
    const { kind, options, numRows, numCols } = weight;
    return [name, { kind, ...options, numRows, numCols }];
  });
  return {
    format: FORMAT,
    version: VERSION,
    ...(dtype && { dtype }),
    chunkBytes: String(chunkBytes),
    sha256: sha256.join(' '),
    weights: JSON.stringify(Object.fromEntries(table)),
  };
}

/**
 * Reads the metadata of a file, or gives undefined when the file is not a packed one.
 * @throws PagemindError `unsupported_format` for another version, `file_malformed`.
 */
export function readPackedMetadata(
  { metadata, dataStart }: Pick<SafetensorsHeader, 'metadata' | 'dataStart'>,
  size: number,
  path: string,
): PackedMetadata | undefined {
  if (metadata['format'] !== FORMAT) return undefined;
  if (metadata['version'] !== VERSION) {
    throw new PagemindError('unsupported_format', `${path} is packed in version ${short(metadata['version'])}.`, {
      hint: `This release reads version ${VERSION}; take one that fits, or convert the original checkpoint again.`,
    });
  }
  const dtype = MATRIX_DTYPES.find((known) => known === metadata['dtype']);
  if (!dtype && metadata['dtype'] !== undefined) fail(path, `its dtype is ${short(metadata['dtype'])}`);
  const chunkBytes = Number(metadata['chunkBytes']);
  if (!Number.isInteger(chunkBytes) || chunkBytes < 4 || chunkBytes > MAX_CHUNK_BYTES || chunkBytes % 4 !== 0) {
    fail(path, `chunkBytes is ${short(metadata['chunkBytes'])}`);
  }
  const sha256 = (metadata['sha256'] ?? '').split(' ').filter((hash) => hash !== '');
  const numChunks = Math.ceil((size - dataStart) / chunkBytes);
  if (sha256.length !== numChunks || !sha256.every((hash) => /^[0-9a-f]{64}$/.test(hash))) {
    fail(path, `sha256 must hold ${numChunks} hashes`);
  }
  const table = parseJsonObject(metadata['weights'] ?? '', `The table of weights in ${path}`, 'file_malformed');
  const weights = new Map(Object.entries(table).map(([name, entry]) => [name, parseWeight(entry, name, path)]));
  return { dtype, weights, chunkBytes, sha256 };
}

/**
 * Puts the files of a checkpoint together; undefined when none is packed.
 * @throws PagemindError `file_malformed` when they do not belong together.
 */
export function joinPacked(files: readonly (PackedFile | undefined)[]): PackedWeights | undefined {
  const packed = files.filter((file) => file !== undefined);
  const [first] = packed;
  if (!first) return undefined;
  if (packed.length < files.length) fail(first.file, 'other files of the checkpoint are not packed');
  const weights = new Map<string, PackedWeight>();
  for (const { file, dtype, weights: table } of packed) {
    if (dtype !== first.dtype) fail(file, `its dtype is ${dtype}, that of ${first.file} is ${first.dtype}`);
    for (const [name, weight] of table) {
      const known = weights.get(name);
      if (known && JSON.stringify(known) !== JSON.stringify(weight)) fail(file, `${short(name)} differs between files`);
      weights.set(name, weight);
    }
  }
  return { dtype: first.dtype, weights, files: packed };
}

function parseWeight(entry: unknown, name: string, path: string): PackedWeight {
  if (!isRecord(entry)) fail(path, `weight ${short(name)} is not described by an object`);
  const { kind, numRows, numCols, length } = entry;
  if (kind === 'vector' && isCount(length)) return { kind, length };
  const options = parseOptions(entry);
  if (kind === 'matrix' && options && isCount(numRows) && isCount(numCols)) return { kind, options, numRows, numCols };
  fail(path, `weight ${short(name)} is described as ${short(JSON.stringify(entry))}`);
}

/** The format of a matrix; undefined when it is none. */
function parseOptions(entry: Readonly<Record<string, unknown>>): WeightFormatOptions | undefined {
  const { format, groupSize, hasZeros, hasBiases = false, numTables = 0 } = entry;
  if (typeof format !== 'string' || !Object.hasOwn(weightFormats, format)) return undefined;
  if (typeof groupSize !== 'number' || typeof hasZeros !== 'boolean' || typeof hasBiases !== 'boolean')
    return undefined;
  const isGrouped = format === 'int4' || format === 'int8';
  const isSize = isGrouped ? isCount(groupSize) && groupSize % GROUP === 0 : groupSize === 0 && !hasZeros && !hasBiases;
  const isTables = numTables === 0 || (isGrouped && hasZeros && isCount(numTables) && numTables <= MAX_TABLES);
  if (!isSize || !isTables || (hasZeros && hasBiases)) return undefined;
  return {
    ...{ format: format as WeightFormatId, groupSize, hasZeros },
    ...(hasBiases && { hasBiases }),
    ...(numTables !== 0 && { numTables: numTables as number }),
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** A value of the file inside a message. */
function short(value: unknown): string {
  return JSON.stringify(`${value}`.slice(0, 120));
}

function fail(path: string, reason: string): never {
  throw new PagemindError('file_malformed', `${path} cannot be read as a packed checkpoint: ${reason}.`, {
    hint: 'The file is damaged; download it again, or convert the original checkpoint again.',
  });
}
