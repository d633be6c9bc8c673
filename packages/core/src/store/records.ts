// A file as a row of records, each with its length and its hash: what was cut short or changed is noticed before it is used.
// What the records hold is plain-data.ts's business.
import { PagemindError } from '../errors.js';
import type { ByteSource } from '../load/source.js';

/** Begins every file; the number is the version of the format. */
const MAGIC = new TextEncoder().encode('pagemind data 1\n');

/** Length (u32, little-endian), SHA-256. */
const HEAD_BYTES = 4 + 32;

/** The bytes of a file with these records. */
export async function* writeRecords(
  records: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield MAGIC;
  for await (const record of records) {
    yield await headOf(record);
    yield record;
  }
}

/**
 * The records of a file, one by one.
 * @throws PagemindError `file_malformed` where it is damaged, after the records before; `source_unreachable`.
 */
export async function* readRecords(source: ByteSource, path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const read = (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    if (offset + length > source.size) throw damaged(path);
    return source.read(offset, length);
  };
  if (!isEqual(await read(0, MAGIC.length), MAGIC)) throw damaged(path);
  for (let offset = MAGIC.length; offset < source.size; ) {
    const head = await read(offset, HEAD_BYTES);
    const record = await read(offset + HEAD_BYTES, new DataView(head.buffer).getUint32(0, true));
    if (!isEqual(await headOf(record), head)) throw damaged(path);
    yield record;
    offset += HEAD_BYTES + record.length;
  }
}

async function headOf(record: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const head = new Uint8Array(HEAD_BYTES);
  new DataView(head.buffer).setUint32(0, record.length, true);
  head.set(new Uint8Array(await crypto.subtle.digest('SHA-256', record)), 4);
  return head;
}

function isEqual(some: Uint8Array, other: Uint8Array): boolean {
  return some.length === other.length && some.every((byte, i) => byte === other[i]);
}

/** Says that a file is not what was written. */
export function damaged(path: string, cause?: unknown): PagemindError {
  return new PagemindError('file_malformed', `${path} is damaged.`, {
    hint: 'It was cut short or changed after it was written; delete it.',
    cause,
  });
}
