// The models in the cache: what is known of each, which can be deleted when room is wanted, getting one out. Downloading is
// elsewhere; a page that never loads a model itself uses nothing but this.
import { PagemindError, throwIfAborted } from '../errors.js';
import { isRecord } from '../load/json.js';
import type { HeldBytes } from '../load/read-ahead.js';
import { splitPath } from '../load/source.js';
import { DataStore } from '../store/data-store.js';
import { CachedFile, type FileRecord, isKey, PIECE_SIZES, type PieceSizes } from './cached-file.js';
import type { ModelStorage } from './storage.js';

/** A model in the cache. */
export interface CachedModel {
  /** As it is given to `createEngine`, e.g. `Qwen/Qwen2.5-0.5B-Instruct`. */
  readonly id: string;
  /** The revision that was asked for; missing: the main branch. */
  readonly revision?: string;
  /** What that stood for. */
  readonly commit?: string;
  /** Bytes of its files, and those that are in the cache. */
  readonly totalBytes: number;
  readonly cachedBytes: number;
  /** Bytes of packed copies of it that were made here, beside those. */
  readonly packedBytes: number;
  /** It loads without a network. */
  readonly isComplete: boolean;
  /** When it was loaded last, in milliseconds since 1970. */
  readonly usedAt: number;
}

/** Takes the files of a model, of any size. */
export interface FileSink {
  /** Writes a whole file; a file of that name is replaced. Blocks may be dropped when the next one is asked for. */
  write(path: string, blocks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void>;
}

/** The files of a model at one time. */
export interface Version {
  readonly commit: string | undefined;
  readonly files: readonly FileRecord[];
}

/** What was made of a version here, packed: see packed-copies.ts. */
export interface Copy {
  /** Of its weights. */
  readonly formats: string;
  readonly files: readonly FileRecord[];
  /** All files are written. */
  readonly isComplete: boolean;
}

/** What is stored about a model. */
export interface Entry {
  readonly id: string;
  readonly revision: string | undefined;
  /** One file of weights that was asked for. */
  readonly weightsFile: string | undefined;
  /** Every byte of it is there and was verified. */
  readonly current: Version | undefined;
  /** On its way; may share files with the current one. */
  readonly next: Version | undefined;
  /** Of the current version. */
  readonly copies: readonly Copy[];
  readonly usedAt: number;
}

/** What names an entry. */
export type EntryName = Pick<Entry, 'id' | 'revision' | 'weightsFile'>;

const FORMAT = 1;
const EXPORT_BYTES = 4 * 2 ** 20;

export class ModelCache {
  readonly storage: ModelStorage;
  readonly #entries: DataStore;
  readonly #sizes: PieceSizes;

  constructor(storage: ModelStorage, sizes: PieceSizes = PIECE_SIZES) {
    this.storage = storage;
    this.#sizes = sizes;
    this.#entries = new DataStore(storage.index, 'model');
  }

  /** Models, the one used last first. */
  async list(): Promise<readonly CachedModel[]> {
    const entries = await this.#all();
    const models = await Promise.all(entries.map((entry) => this.#summary(entry)));
    return models.sort((a, b) => b.usedAt - a.usedAt);
  }

  /** Deletes all revisions of a model; pieces that other models have in common with it stay. */
  async delete(id: string, signal?: AbortSignal): Promise<void> {
    const release = await this.storage.lock(id, signal);
    try {
      for (const entry of await this.#all()) if (entry.id === id) await this.remove(entry);
      await this.collect();
    } finally {
      await release();
    }
  }

  /**
   * Writes the files of a model, as the hub has them.
   * @throws PagemindError `model_not_found` when it is not, or not completely, in the cache; `aborted`; what the sink throws.
   */
  async export(id: string, sink: FileSink, signal?: AbortSignal): Promise<void> {
    const entry = (await this.#all())
      .filter((one) => one.id === id && one.current)
      .sort((a, b) => b.usedAt - a.usedAt)[0];
    if (!entry?.current) {
      throw new PagemindError('model_not_found', `${id} is not in the cache, or not all of it.`, {
        hint: 'Load it once; it is then kept.',
      });
    }
    for (const record of entry.current.files) {
      throwIfAborted(signal);
      const file = await this.open(record);
      await sink.write(record.path, blocksOf(file, signal));
    }
  }

  /** What is known about a model. */
  async find(name: EntryName): Promise<Entry | undefined> {
    return parseEntry(await this.#load(nameOf(name)));
  }

  save(entry: Entry): Promise<void> {
    return this.#entries.save(nameOf(entry), { format: FORMAT, ...entry });
  }

  /** Forgets an entry; its pieces stay until somebody collects. */
  remove(name: EntryName): Promise<void> {
    return this.#entries.delete(nameOf(name));
  }

  /** A file of an entry, and what is stored of it. */
  async open(record: FileRecord, held: HeldBytes = { now: 0, peak: 0 }): Promise<CachedFile> {
    const file = new CachedFile(this.storage, record, this.#sizes, held);
    await file.look();
    return file;
  }

  /** Deletes what no model has any more. */
  async collect(): Promise<void> {
    const used = new Set((await this.#all()).flatMap(filesOf).map(({ key }) => key));
    for (const key of await this.storage.keys()) if (!used.has(key)) await this.storage.deletePieces(key);
  }

  /**
   * Sees to it that `bytes` more can be written: deletes models that were not used for long, but none when even all of them
   * would not do.
   * @returns whether there is room now, as far as that is known
   */
  async makeRoom(bytes: number, keep: EntryName): Promise<boolean> {
    const free = await this.storage.freeBytes();
    if (free === undefined || free >= bytes) return true;
    const others = (await this.#all()).filter(({ id }) => id !== keep.id).sort((a, b) => a.usedAt - b.usedAt);
    const sizes = await Promise.all(others.map((entry) => this.#storedBytes(filesOf(entry))));
    if (free + sizes.reduce((sum, size) => sum + size, 0) < bytes) return false;
    let freed = 0;
    for (const [i, entry] of others.entries()) {
      if (free + freed >= bytes) break;
      await this.remove(entry);
      freed += sizes[i] ?? 0;
    }
    await this.collect();
    return true;
  }

  /** Deletes the model that was not used for longest; false when there is no other. */
  async evictOne(keep: EntryName): Promise<boolean> {
    const others = (await this.#all()).filter(({ id }) => id !== keep.id).sort((a, b) => a.usedAt - b.usedAt);
    if (!others[0]) return false;
    await this.remove(others[0]);
    await this.collect();
    return true;
  }

  async #summary(entry: Entry): Promise<CachedModel> {
    const { id, revision, current, next, copies, usedAt } = entry;
    const { commit, files } = current ?? next ?? { commit: undefined, files: [] };
    return {
      id,
      ...(revision !== undefined && { revision }),
      ...(commit !== undefined && { commit }),
      totalBytes: files.reduce((sum, { size }) => sum + size, 0),
      cachedBytes: await this.#storedBytes(filesOf({ ...entry, copies: [] })),
      packedBytes: await this.#storedBytes(copies.flatMap((copy) => copy.files)),
      isComplete: current !== undefined,
      usedAt,
    };
  }

  async #storedBytes(records: readonly FileRecord[]): Promise<number> {
    const byKey = new Map(records.map((record) => [record.key, record]));
    const files = await Promise.all(Array.from(byKey.values(), (record) => this.open(record)));
    return files.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  }

  async #all(): Promise<readonly Entry[]> {
    const names = await this.#entries.list();
    const entries = await Promise.all(names.map(async (name) => parseEntry(await this.#load(name))));
    return entries.filter((entry) => entry !== undefined);
  }

  /** A damaged entry is as good as none: its pieces are found again by their keys, or collected. */
  #load(name: string): Promise<unknown> {
    return this.#entries.load(name).catch((error: unknown) => {
      if (error instanceof PagemindError && error.code === 'file_malformed') return undefined;
      throw error;
    });
  }
}

function nameOf({ id, revision, weightsFile }: EntryName): string {
  return `${id}${revision === undefined ? '' : `@${revision}`}${weightsFile === undefined ? '' : `:${weightsFile}`}`;
}

function filesOf({ current, next, copies }: Entry): readonly FileRecord[] {
  return [current, next, ...copies].flatMap((held) => held?.files ?? []);
}

async function* blocksOf(file: CachedFile, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { size } = file.record;
  for (let at = 0; at < size; at += EXPORT_BYTES) yield file.read(at, Math.min(EXPORT_BYTES, size - at), signal);
}

/** What is stored was written by some version of this library, or by somebody else. */
function parseEntry(data: unknown): Entry | undefined {
  if (!isRecord(data) || data['format'] !== FORMAT) return undefined;
  const { id, usedAt } = data;
  if (typeof id !== 'string' || typeof usedAt !== 'number') return undefined;
  return {
    id,
    usedAt,
    revision: textOf(data['revision']),
    weightsFile: textOf(data['weightsFile']),
    current: parseVersion(data['current']),
    next: parseVersion(data['next']),
    copies: (Array.isArray(data['copies']) ? data['copies'] : []).map(parseCopy).filter((copy) => copy !== undefined),
  };
}

function parseVersion(data: unknown): Version | undefined {
  const { commit, files } = isRecord(data) ? data : {};
  const known = parseFiles(files);
  return known && { commit: textOf(commit), files: known };
}

function parseCopy(data: unknown): Copy | undefined {
  const { formats, files, isComplete } = isRecord(data) ? data : {};
  const known = parseFiles(files);
  return typeof formats === 'string' && known ? { formats, files: known, isComplete: isComplete === true } : undefined;
}

function parseFiles(data: unknown): readonly FileRecord[] | undefined {
  const files = Array.isArray(data) ? data.map(parseFile) : [];
  return files.length > 0 && files.every((file) => file !== undefined) ? files : undefined;
}

function parseFile(data: unknown): FileRecord | undefined {
  const { path, size, key } = isRecord(data) ? data : {};
  const isFile = typeof path === 'string' && splitPath(path) && Number.isSafeInteger(size) && isKey(key);
  return isFile ? { path, size: size as number, key } : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
