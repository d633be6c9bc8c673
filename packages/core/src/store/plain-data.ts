// Plain data as records and back: what JSON holds and, anywhere in it, Blobs and typed arrays. What the data mean is the
// callers' business; what is read is untrusted.
import { PagemindError } from '../errors.js';
import { damaged } from './records.js';

/** What JSON cannot hold. It has records of its own, before that of the JSON. */
type Part = Blob | ArrayBufferView<ArrayBuffer>;

/** How a part is made again from its bytes; a list of these is the first record. */
type PartKind = { readonly kind: 'Blob'; readonly type: string } | { readonly kind: ArrayKind };

const ARRAYS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
};

type ArrayKind = keyof typeof ARRAYS;

/** Begins a string that is the number of a part. True strings that begin so get another one before it. */
const MARK = '\0';

/**
 * The records of data. A part is read when its turn comes, and stored once however often it occurs.
 * @throws PagemindError `invalid_request` for what cannot be stored; `source_unreachable` when a Blob cannot be read.
 */
export async function* encodeData(data: unknown): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const parts: Part[] = [];
  const json = toJson(data, parts);
  yield toBytes(JSON.stringify(parts.map(kindOf)));
  for (const part of parts) yield await bytesOf(part);
  yield toBytes(json);
}

/**
 * What records hold: data after data.
 * @throws PagemindError `file_malformed`; what reading the records throws.
 */
export async function* decodeData(
  records: AsyncIterator<Uint8Array<ArrayBuffer>>,
  path: string,
): AsyncGenerator<unknown> {
  for (let first = await records.next(); !first.done; first = await records.next()) {
    const take = async (): Promise<Uint8Array<ArrayBuffer>> => {
      const next = await records.next();
      if (next.done) throw damaged(path);
      return next.value;
    };
    const kinds = fromJson(first.value, [], path);
    if (!Array.isArray(kinds)) throw damaged(path);
    const parts: Part[] = [];
    for (const kind of kinds) parts.push(toPart(kind, await take(), path));
    yield fromJson(await take(), parts, path);
  }
}

/** @param parts get those that are found */
function toJson(data: unknown, parts: Part[]): string {
  const numbers = new Map<unknown, number>();
  // What `toJSON` makes of a value is not asked for: a Buffer of Node has one.
  const replace = function (this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
    const given = this[key];
    if (kindOf(given)) {
      if (!numbers.has(given)) numbers.set(given, parts.push(given as Part) - 1);
      return `${MARK}${numbers.get(given)}`;
    }
    if (typeof value === 'string') return value.startsWith(MARK) ? `${MARK}${value}` : value;
    if (typeof value === 'object' && value !== null && !isPlain(value))
      throw new TypeError('it holds an object of a class');
    return value;
  };
  try {
    const json = JSON.stringify(data, replace);
    if (json !== undefined) return json;
  } catch (cause) {
    throw unstorable(cause);
  }
  throw unstorable(undefined);
}

function fromJson(bytes: Uint8Array, parts: readonly Part[], path: string): unknown {
  const revive = (_: string, value: unknown): unknown => {
    if (typeof value !== 'string' || !value.startsWith(MARK)) return value;
    const rest = value.slice(1);
    return rest.startsWith(MARK) ? rest : parts[Number(rest)];
  };
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), revive);
  } catch (cause) {
    throw damaged(path, cause);
  }
}

function kindOf(value: unknown): PartKind | undefined {
  if (value instanceof Blob) return { kind: 'Blob', type: value.type };
  if (!ArrayBuffer.isView(value)) return undefined;
  const kind = (value as Partial<Uint8Array>)[Symbol.toStringTag] ?? '';
  if (Object.hasOwn(ARRAYS, kind)) return { kind: kind as ArrayKind };
  throw new TypeError(`it holds a ${kind}`);
}

async function bytesOf(part: Part): Promise<Uint8Array<ArrayBuffer>> {
  if (!(part instanceof Blob)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  try {
    return new Uint8Array(await part.arrayBuffer());
  } catch (cause) {
    throw new PagemindError('source_unreachable', 'A file could not be read.', {
      hint: 'It was changed, moved or deleted after it was chosen; choose it again.',
      cause,
    });
  }
}

function toPart(kind: unknown, bytes: Uint8Array<ArrayBuffer>, path: string): Part {
  const { kind: name, type } = (kind ?? {}) as Readonly<Record<string, unknown>>;
  if (name === 'Blob' && typeof type === 'string') return new Blob([bytes], { type });
  if (typeof name !== 'string' || !Object.hasOwn(ARRAYS, name)) throw damaged(path);
  const make = ARRAYS[name as ArrayKind];
  if (bytes.length % make.BYTES_PER_ELEMENT !== 0) throw damaged(path);
  return new make(bytes.slice().buffer);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function unstorable(cause: unknown): PagemindError {
  const why = cause instanceof Error ? `: ${cause.message}` : '.';
  return new PagemindError('invalid_request', `This is no data that can be stored${why}`, {
    hint: 'Give what JSON can hold, Blobs and typed arrays.',
    cause,
  });
}
