// Finds the entries of a zip archive by ranged reads, its data untouched: what PyTorch's checkpoints need of zip. The archive
// is untrusted. Nothing is unpacked: entries that are compressed are refused.
import { PagemindError } from '../errors.js';
import type { ByteSource } from './source.js';

/** An entry as the archive's directory has it. */
export interface ZipEntry {
  readonly name: string;
  /** First byte of the header before its data. */
  readonly headerStart: number;
  readonly size: number;
}

/** An opened archive. */
export interface ZipArchive {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** First byte of an entry's data; takes a read of a few bytes. */
  dataStart(entry: ZipEntry, signal?: AbortSignal): Promise<number>;
}

const END = { signature: 0x06054b50, bytes: 22 };
const LOCATOR = { signature: 0x07064b50, bytes: 20 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const ENTRY = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
/** The end of an archive may be followed by a comment of as much. */
const MAX_COMMENT = 65_535;
const MAX_DIRECTORY_BYTES = 64 * 2 ** 20;
const MAX_ENTRIES = 2 ** 17;

/**
 * Reads the directory of an archive.
 * @throws PagemindError `file_malformed`; `unsupported_format` for entries that are compressed or encrypted.
 */
export async function openZip(source: ByteSource, path: string, signal?: AbortSignal): Promise<ZipArchive> {
  const directory = await findDirectory(source, path, signal);
  const { start, size, numEntries } = directory;
  if (start + size > source.size || size > MAX_DIRECTORY_BYTES || numEntries > MAX_ENTRIES) {
    fail(path, `its directory claims ${numEntries} entries in ${size} bytes at ${start}`);
  }
  if (numEntries * ENTRY.bytes > size) fail(path, `its directory is too short for ${numEntries} entries`);
  const bytes = await source.read(start, size, signal);
  const entries = readDirectory(bytes, numEntries, path);
  return {
    entries,
    async dataStart({ name, headerStart, size: dataBytes }, readSignal = signal) {
      if (headerStart + LOCAL.bytes > start) fail(path, `entry ${quote(name)} starts behind the data`);
      const header = view(await source.read(headerStart, LOCAL.bytes, readSignal));
      if (header.getUint32(0, true) !== LOCAL.signature) fail(path, `entry ${quote(name)} has no header`);
      const first = headerStart + LOCAL.bytes + header.getUint16(26, true) + header.getUint16(28, true);
      if (first + dataBytes > start) fail(path, `entry ${quote(name)} ends behind the data`);
      return first;
    },
  };
}

interface Directory {
  readonly start: number;
  readonly size: number;
  readonly numEntries: number;
}

async function findDirectory(source: ByteSource, path: string, signal: AbortSignal | undefined): Promise<Directory> {
  const tailBytes = Math.min(source.size, LOCATOR.bytes + END.bytes + MAX_COMMENT);
  const tail = view(await source.read(source.size - tailBytes, tailBytes, signal));
  let at = tailBytes - END.bytes;
  const isEnd = (): boolean =>
    tail.getUint32(at, true) === END.signature && at + END.bytes + tail.getUint16(at + 20, true) === tailBytes;
  while (at >= 0 && !isEnd()) at--;
  if (at < 0) fail(path, 'it is no zip archive, or cut short');

  const locator = at - LOCATOR.bytes;
  if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR.signature) {
    const [size, start] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
    return { start, size, numEntries: tail.getUint16(at + 10, true) };
  }
  const end64 = Number(tail.getBigUint64(locator + 8, true));
  if (!(end64 + END64.bytes <= source.size)) fail(path, `its directory ends at byte ${end64}`);
  const end = view(await source.read(end64, END64.bytes, signal));
  if (end.getUint32(0, true) !== END64.signature) fail(path, 'its directory has no end');
  const u64 = (offset: number): number => Number(end.getBigUint64(offset, true));
  return { start: u64(48), size: u64(40), numEntries: u64(32) };
}

function readDirectory(bytes: Uint8Array, numEntries: number, path: string): ReadonlyMap<string, ZipEntry> {
  const directory = view(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < numEntries; i++) {
    if (at + ENTRY.bytes > bytes.length) fail(path, 'its directory is cut short');
    if (directory.getUint32(at, true) !== ENTRY.signature) fail(path, `entry ${i} of its directory is damaged`);
    const u16 = (offset: number): number => directory.getUint16(at + offset, true);
    const extra = at + ENTRY.bytes + u16(28);
    const next = extra + u16(30) + u16(32);
    if (next > bytes.length) fail(path, 'its directory is cut short');
    const name = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(at + ENTRY.bytes, extra));
    if (entries.has(name)) fail(path, `entry ${quote(name)} is there twice`);
    const isEncrypted = (u16(8) & 1) !== 0;
    if (u16(10) !== 0 || isEncrypted) {
      throw new PagemindError('unsupported_format', `${path}: entry ${quote(name)} is compressed or encrypted.`, {
        hint: 'Save the checkpoint again with torch.save, or convert it to safetensors.',
      });
    }
    // 2^32 - 1 means: the number stands in an extra field, in this order.
    const short = [24, 20, 42].map((offset) => directory.getUint32(at + offset, true));
    const [size = 0, stored = 0, headerStart = 0] = longNumbers(directory, extra, extra + u16(30), short);
    if (size !== stored) fail(path, `entry ${quote(name)} has ${stored} bytes for ${size}`);
    entries.set(name, { name, headerStart, size });
    at = next;
  }
  return entries;
}

/** The numbers with those that did not fit replaced by what the extra field of ZIP64 says. */
function longNumbers(directory: DataView, start: number, end: number, short: readonly number[]): readonly number[] {
  let at = start;
  while (at + 4 <= end && directory.getUint16(at, true) !== 1) at += 4 + directory.getUint16(at + 2, true);
  at += 4;
  return short.map((value) => {
    if (value !== 0xffffffff || at + 8 > end) return value;
    at += 8;
    return Number(directory.getBigUint64(at - 8, true));
  });
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A value of the file inside a message: quoted, escaped and not endless. */
function quote(value: unknown): string {
  return JSON.stringify(`${value}`.slice(0, 120));
}

function fail(path: string, reason: string): never {
  throw new PagemindError('file_malformed', `${path} cannot be read: ${reason}.`, {
    hint: 'The file is damaged; download it again.',
  });
}
