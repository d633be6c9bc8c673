// Reads and checks the header of a GGUF file: its metadata, and where its tensors lie. The header is untrusted, whatever its
// origin. What the keys mean is gguf-config.ts and gguf-tokenizer.ts.
import { type GgmlType, ggmlBlocks } from '@pagemind/quant';
import { PagemindError } from '../errors.js';
import { GgufReader, NeedsMoreBytes } from './gguf-reader.js';
import type { ByteSource } from './source.js';

/** A value of the metadata; numbers of 64 bits are rounded. */
export type GgufValue = number | boolean | string | readonly GgufValue[];

/** Dtypes of tensors that are read. */
export type GgufDtype = 'F32' | 'F16' | 'BF16' | GgmlType;

/** Where a tensor lies in its file. */
export interface GgufTensor {
  readonly dtype: GgufDtype;
  /** Slowest dimension first: `[rows, columns]`. GGUF writes them the other way round. */
  readonly shape: readonly number[];
  /** First byte, from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

/** What the header of a file says. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** By name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** The largest vocabularies make headers of some 20 MB. */
const MAX_HEADER_BYTES = 128 * 2 ** 20;
const FIRST_READ_BYTES = 2 ** 16;
const MAGIC = 0x46554747;
const MAX_TENSORS = 2 ** 17;
const MAX_KEYS = 2 ** 16;
/** Elements of all arrays together. */
const MAX_ELEMENTS = 2 ** 23;
const MAX_NESTING = 4;
const MAX_DIMS = 4;
const MAX_ALIGNMENT = 2 ** 16;

/** Names of tensor types by number; those that were given up are missing. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  ...{ 0: 'F32', 1: 'F16', 2: 'Q4_0', 3: 'Q4_1', 6: 'Q5_0', 7: 'Q5_1', 8: 'Q8_0', 9: 'Q8_1', 10: 'Q2_K', 11: 'Q3_K' },
  ...{ 12: 'Q4_K', 13: 'Q5_K', 14: 'Q6_K', 15: 'Q8_K', 16: 'IQ2_XXS', 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S' },
  ...{ 20: 'IQ4_NL', 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8', 25: 'I16', 26: 'I32', 27: 'I64', 28: 'F64' },
  ...{ 29: 'IQ1_M', 30: 'BF16', 34: 'TQ1_0', 35: 'TQ2_0', 39: 'MXFP4' },
};

/** The dtypes, and the unit that a row of each is made of. */
export const GGUF_UNITS: Readonly<Record<GgufDtype, { readonly bytes: number; readonly columns: number }>> = {
  F32: { bytes: 4, columns: 1 },
  F16: { bytes: 2, columns: 1 },
  BF16: { bytes: 2, columns: 1 },
  ...ggmlBlocks,
};

/**
 * Reads the header of a GGUF file.
 * @throws PagemindError `file_malformed` when anything about the header is not as it must be; `unsupported_format` for other
 * versions and types of tensors.
 */
export async function readGgufHeader(source: ByteSource, path: string, signal?: AbortSignal): Promise<GgufHeader> {
  const limit = Math.min(source.size, MAX_HEADER_BYTES);
  let bytes = await source.read(0, Math.min(limit, FIRST_READ_BYTES), signal);
  while (true) {
    try {
      return parseHeader(new GgufReader(bytes, source.size, path));
    } catch (error) {
      if (!(error instanceof NeedsMoreBytes)) throw error;
      // Four times as much at a time: what is parsed again costs less than what is parsed at last.
      if (error.end > limit) fail(path, `its header does not end before byte ${limit}`);
      const length = Math.min(limit, Math.max(bytes.length * 4, error.end));
      const more = await source.read(bytes.length, length - bytes.length, signal);
      const joined = new Uint8Array(length);
      joined.set(bytes);
      joined.set(more, bytes.length);
      bytes = joined;
    }
  }
}

function parseHeader(reader: GgufReader): GgufHeader {
  const { path } = reader;
  if (reader.u32() !== MAGIC) fail(path, 'it does not begin with GGUF');
  const version = reader.u32();
  if (version !== 2 && version !== 3) {
    const isBigEndian = version === 0x02000000 || version === 0x03000000;
    throw new PagemindError('unsupported_format', `${path} is GGUF ${isBigEndian ? 'in big-endian' : `${version}`}.`, {
      hint: 'Versions 2 and 3 are read, in little-endian; convert the model again.',
    });
  }
  const numTensors = reader.count('tensors', MAX_TENSORS);
  const numKeys = reader.count('keys', MAX_KEYS);

  const metadata = new Map<string, GgufValue>();
  const budget = { elements: MAX_ELEMENTS };
  for (let i = 0; i < numKeys; i++) {
    const key = reader.name('key');
    if (metadata.has(key)) fail(path, `key ${quote(key)} is there twice`);
    metadata.set(key, readValue(reader, reader.u32(), budget, 0));
  }
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || !(alignment >= 8 && alignment <= MAX_ALIGNMENT) || Math.log2(alignment) % 1) {
    fail(path, `general.alignment is ${quote(alignment)}`);
  }

  const found: [string, GgufTensor][] = [];
  const names = new Set<string>();
  for (let i = 0; i < numTensors; i++) {
    const name = reader.name('tensor');
    if (names.has(name)) fail(path, `tensor ${quote(name)} is there twice`);
    names.add(name);
    found.push([name, readTensor(reader, name, alignment)]);
  }
  const dataStart = Math.ceil(reader.at / alignment) * alignment;
  const tensors = found.map(([name, tensor]) => [name, { ...tensor, offset: dataStart + tensor.offset }] as const);
  let [end, before] = [dataStart, ''];
  for (const [name, { offset, length }] of tensors.toSorted(([, a], [, b]) => a.offset - b.offset)) {
    if (offset < end) fail(path, `tensors ${quote(before)} and ${quote(name)} overlap`);
    if (offset + length > reader.size) {
      fail(path, `tensor ${quote(name)} ends at byte ${offset + length}, the file at byte ${reader.size}`);
    }
    [end, before] = [offset + length, name];
  }
  return { metadata, tensors: new Map(tensors) };
}

/** The value of a type of the metadata. */
function readValue(reader: GgufReader, type: number, budget: { elements: number }, depth: number): GgufValue {
  switch (type) {
    case 0:
      return reader.u8();
    case 1:
      return reader.i8();
    case 2:
      return reader.u16();
    case 3:
      return reader.i16();
    case 4:
      return reader.u32();
    case 5:
      return reader.i32();
    case 6:
      return reader.f32();
    case 7: {
      const byte = reader.u8();
      if (byte > 1) fail(reader.path, `a truth value is ${byte}`);
      return byte === 1;
    }
    case 8:
      return reader.text();
    case 9: {
      if (depth === MAX_NESTING) fail(reader.path, `lists are nested more than ${MAX_NESTING} deep`);
      const elementType = reader.u32();
      const length = reader.count('elements', budget.elements);
      budget.elements -= length;
      const list: GgufValue[] = [];
      for (let i = 0; i < length; i++) list.push(readValue(reader, elementType, budget, depth + 1));
      return list;
    }
    case 10:
      return reader.u64();
    case 11:
      return reader.i64();
    case 12:
      return reader.f64();
    default:
      fail(reader.path, `a value has the unknown type ${type}`);
  }
}

/** A tensor; its offset counts from the start of the data. */
function readTensor(reader: GgufReader, name: string, alignment: number): GgufTensor {
  const { path } = reader;
  const what = `tensor ${quote(name)}`;
  const numDims = reader.u32();
  if (numDims < 1 || numDims > MAX_DIMS) fail(path, `${what} has ${numDims} dimensions`);
  const dims = Array.from({ length: numDims }, () => reader.u64());
  const type = reader.u32();
  const offset = reader.u64();
  const dtype = TYPE_NAMES[type];
  if (!dtype) fail(path, `${what} has the unknown type ${type}`);
  if (!isDtype(dtype)) {
    throw new PagemindError('unsupported_format', `${path}: ${what} is stored as ${dtype}, which is not read.`, {
      hint: `Take a file of another quantisation; read are ${Object.keys(GGUF_UNITS).join(', ')}.`,
    });
  }
  const { bytes, columns } = GGUF_UNITS[dtype];
  const numElements = dims.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(numElements * 4) || numElements === 0) fail(path, `${what} has the shape ${quote(dims)}`);
  if ((dims[0] ?? 0) % columns !== 0) fail(path, `rows of ${what} are no whole blocks of ${dtype}`);
  if (offset % alignment !== 0) fail(path, `${what} starts at byte ${offset}, which is not aligned`);
  return { dtype, shape: dims.reverse(), offset, length: (numElements / columns) * bytes };
}

function isDtype(name: string): name is GgufDtype {
  return Object.hasOwn(GGUF_UNITS, name);
}

/** A value of the file inside a message: quoted, escaped and not endless. */
function quote(value: unknown): string {
  return JSON.stringify(`${value}`.slice(0, 120));
}

function fail(path: string, reason: string): never {
  throw new PagemindError('file_malformed', `${path} cannot be read: ${reason}.`, {
    hint: 'The file is damaged or not a GGUF file; download it again.',
  });
}
