// Data by name in a folder: saved whole, loaded whole. How they become bytes is plain-data.ts and records.ts; names may be
// anything and are spelled here so that none leads out of the folder.
import { PagemindError } from '../errors.js';
import type { Folder } from './folder.js';
import { decodeData, encodeData } from './plain-data.js';
import { damaged, readRecords, writeRecords } from './records.js';

/** Bytes of a file's name; systems take 255. */
const MAX_FILE_NAME = 200;

/** Keeps plain data (what JSON holds, Blobs, typed arrays) under names of any kind. */
export class DataStore {
  readonly #folder: Folder;
  readonly #prefix: string;

  /** @param kind keeps names of one kind apart from those of others in the same folder; lower-case letters */
  constructor(folder: Folder, kind = 'data') {
    this.#folder = folder;
    this.#prefix = `${kind}-`;
  }

  /**
   * Stores data under a name, in place of what was there. A page or process that ends meanwhile leaves what was there.
   * @throws PagemindError `storage_full`, `storage_unavailable`; `invalid_request` for a name that is empty or too long, and
   * for data of other kinds; `source_unreachable` when a Blob cannot be read.
   */
  save(name: string, data: unknown): Promise<void> {
    return this.saveAll(name, [data]);
  }

  /**
   * The data under a name, undefined when there are none.
   * @throws PagemindError `file_malformed` when they are damaged; `storage_unavailable`, `source_unreachable`,
   * `invalid_request`.
   */
  async load(name: string): Promise<unknown> {
    const file = this.#fileOf(name);
    const source = await this.#folder.open(file);
    if (!source) return undefined;
    for await (const data of decodeData(readRecords(source, file), file)) return data;
    throw damaged(file);
  }

  /** Names, in no particular order. */
  async list(): Promise<readonly string[]> {
    const files = await this.#folder.list();
    return files.flatMap((file) => {
      const name = file.startsWith(this.#prefix) ? decodeName(file.slice(this.#prefix.length)) : undefined;
      return name === undefined ? [] : [name];
    });
  }

  /** Deletes what is stored under a name, if there is something. */
  async delete(name: string): Promise<void> {
    await this.#folder.delete(this.#fileOf(name));
  }

  /** Stores a row of data, of which one is in memory at a time. */
  async saveAll(name: string, row: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
    await this.#folder.write(this.#fileOf(name), writeRecords(recordsOf(row)));
  }

  /** The data of a row, one by one; damage is told after those before it. Nothing when there are none. */
  async *loadAll(name: string): AsyncGenerator<unknown> {
    const file = this.#fileOf(name);
    const source = await this.#folder.open(file);
    if (source) yield* decodeData(readRecords(source, file), file);
  }

  #fileOf(name: string): string {
    const file = `${this.#prefix}${encodeName(name)}`;
    const isName = name !== '' && decodeName(encodeName(name)) === name;
    if (isName && file.length <= MAX_FILE_NAME) return file;
    throw new PagemindError('invalid_request', `Nothing can be stored under the name ${JSON.stringify(name)}.`, {
      hint: 'Give a text that is not empty and not longer than a line.',
    });
  }
}

async function* recordsOf(row: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const data of row) yield* encodeData(data);
}

/** Small letters, digits and hyphens stay; any other byte of UTF-8 is spelled out: some systems take A for a. */
function encodeName(name: string): string {
  const bytes = new TextEncoder().encode(String(name));
  return Array.from(bytes, (byte) => {
    const letter = String.fromCharCode(byte);
    return /[a-z0-9-]/.test(letter) ? letter : `_${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/** Undefined for what {@link encodeName} does not make. */
function decodeName(file: string): string | undefined {
  const bytes = Array.from(file.matchAll(/_([0-9a-f]{2})|([a-z0-9-])|./gs), ([, hex, letter]) =>
    hex ? Number.parseInt(hex, 16) : (letter?.charCodeAt(0) ?? -1),
  );
  const name = bytes.includes(-1) ? '' : new TextDecoder().decode(Uint8Array.from(bytes));
  return name !== '' && encodeName(name) === file ? name : undefined;
}
