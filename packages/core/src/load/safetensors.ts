// Reads and checks the header of a safetensors file; the header is untrusted, whatever its origin. Which tensors a
// model needs, and the tensors' bytes, are not its business.
import { PagemindError } from '../errors.js';
import { isRecord } from './json.js';
import type { ByteSource } from './source.js';

/** Bytes of an element. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type SafetensorsDtype = keyof typeof DTYPE_BYTES;

/** Where a tensor lies in its file. */
export interface TensorLocation {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** First byte, from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

/** The reference implementation's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/** One read usually brings the length and the whole header. */
const FIRST_READ_BYTES = 65_536;

const FORBIDDEN_NAMES: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/** What the header of a file says. */
export interface SafetensorsHeader {
  /** By name, in the file's order. */
  readonly tensors: ReadonlyMap<string, TensorLocation>;
  /** `__metadata__`; empty when there is none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** First byte behind the header. */
  readonly dataStart: number;
}

/**
 * Reads the header of a safetensors file.
 * @throws PagemindError `file_malformed` when anything about the header is not as it must be.
 */
export async function readSafetensorsHeader(
  source: ByteSource,
  path: string,
  signal?: AbortSignal,
): Promise<SafetensorsHeader> {
  const head = await source.read(0, Math.min(source.size, FIRST_READ_BYTES), signal);
  if (head.length < 8) fail(path, 'it is shorter than 8 bytes');
  const headerBytes = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  if (headerBytes > MAX_HEADER_BYTES)
    fail(path, `its header claims ${headerBytes} bytes, the limit is ${MAX_HEADER_BYTES}`);
  const dataStart = 8 + Number(headerBytes);
  if (dataStart > source.size) fail(path, `its header claims ${headerBytes} bytes, the file has ${source.size}`);
  const header = dataStart <= head.length ? head.subarray(8, dataStart) : await source.read(8, dataStart - 8, signal);
  return parseHeader(header, path, dataStart, source.size);
}

function parseHeader(bytes: Uint8Array, path: string, dataStart: number, size: number): SafetensorsHeader {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (cause) {
    fail(path, 'its header is not JSON in UTF-8', cause);
  }
  if (!isRecord(json)) fail(path, 'its header is not a JSON object');
  const names = Object.keys(json);
  if (countOutermostKeys(text) !== names.length) fail(path, 'its header names a tensor twice');
  const found: [string, TensorLocation][] = [];
  for (const name of names) {
    if (name !== '__metadata__') found.push([name, parseTensor(json[name], name, path, dataStart)]);
  }
  const { __metadata__: metadata = {} } = json;
  if (!isStrings(metadata)) fail(path, '__metadata__ does not map strings to strings');
  found.sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let end = dataStart;
  for (const [name, { offset, length }] of found) {
    if (offset !== end) fail(path, `tensor ${quote(name)} starts at byte ${offset}, expected ${end}`);
    end += length;
  }
  if (end !== size) fail(path, `its tensors end at byte ${end}, the file at byte ${size}`);
  return { tensors: new Map(found), metadata, dataStart };
}

function parseTensor(entry: unknown, name: string, path: string, dataStart: number): TensorLocation {
  const what = `tensor ${quote(name)}`;
  if (FORBIDDEN_NAMES.includes(name)) fail(path, `${what} has a forbidden name`);
  if (!isRecord(entry)) fail(path, `${what} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isSafetensorsDtype(dtype)) fail(path, `${what} has the unknown dtype ${quote(dtype)}`);
  if (!isCounts(shape)) fail(path, `${what} has no valid shape`);
  if (!isCounts(offsets) || offsets.length !== 2) fail(path, `${what} has no valid data_offsets`);
  const [begin = 0, end = 0] = offsets;
  const length = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
  if (end - begin !== length) fail(path, `${what} has ${end - begin} bytes, its shape and dtype need ${length}`);
  return { dtype, shape, offset: dataStart + begin, length };
}

/** Keys of the outermost object of valid JSON, repetitions included: JSON.parse keeps the last of equal names silently. */
function countOutermostKeys(json: string): number {
  let count = 0;
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (isInString) {
      if (char === '\\') i++;
      else if (char === '"') isInString = false;
    } else if (char === '"') isInString = true;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    else if (char === ':' && depth === 1) count++;
  }
  return count;
}

/** Whether safetensors know a dtype of this name. */
export function isSafetensorsDtype(name: unknown): name is SafetensorsDtype {
  return typeof name === 'string' && Object.hasOwn(DTYPE_BYTES, name);
}

function isStrings(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((item) => typeof item === 'string');
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** A value of the file inside a message: quoted, escaped and not endless. */
function quote(value: unknown): string {
  return JSON.stringify(`${value}`.slice(0, 120));
}

function fail(path: string, reason: string, cause?: unknown): never {
  const hint = 'The file is damaged or not a safetensors file; download it again.';
  throw new PagemindError('file_malformed', `${path} cannot be read: ${reason}.`, { hint, cause });
}
