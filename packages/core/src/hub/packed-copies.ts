// Packed copies of a model in the cache, made while it was loaded the first time. They stand in the model's entry, beside the
// version that they were made of, so that they go with it; a copy counts once the entry says that all of it is written.
import { PagemindError } from '../errors.js';
import { sha256 } from '../load/sha256.js';
import type { ModelSink } from '../load/sink.js';
import type { ModelSource, PackedCopies } from '../load/source.js';
import type { FileRecord } from './cached-file.js';
import { HubModel } from './hub-model.js';
import type { Copy, Entry, EntryName, ModelCache, Version } from './model-cache.js';

/** Beside the weights there are small files, and others may write at the same time. */
const MARGIN = 1.1;

export class CopiesInCache implements PackedCopies {
  readonly #cache: ModelCache;
  readonly #name: EntryName;
  readonly #version: Version;

  /** @param version that is read; copies of others are none of its */
  constructor(cache: ModelCache, name: EntryName, version: Version) {
    this.#cache = cache;
    this.#name = name;
    this.#version = version;
  }

  async find(formats: string): Promise<ModelSource | undefined> {
    const copy = (await this.#entry())?.copies.find((one) => one.formats === formats && one.isComplete);
    if (!copy) return undefined;
    const held = { now: 0, peak: 0 };
    const files = await Promise.all(copy.files.map((record) => this.#cache.open(record, held)));
    if (!files.every(({ isStored }) => isStored)) return undefined;
    return new HubModel(this.#name.id, files, held, undefined, new Set(copy.files.map(({ key }) => key)));
  }

  async keep(formats: string, numBytes: number, fill: (sink: ModelSink) => Promise<void>): Promise<void> {
    const free = await this.#cache.storage.freeBytes();
    // No model has to go for a copy.
    if (free !== undefined && free < numBytes * MARGIN) return;
    if (!(await this.#entry())) return;
    const files: FileRecord[] = [];
    try {
      await fill({
        write: async (path, bytes) => {
          const record = { path, size: bytes.length, key: `sha256-${await sha256(bytes)}` };
          files.push(record);
          // Noted before it is written: others delete what belongs to nobody.
          await this.#note({ formats, files, isComplete: false });
          await (await this.#cache.open(record)).fill(bytes);
        },
      });
      await this.#note({ formats, files, isComplete: true });
    } catch (error) {
      await this.drop(formats).catch(() => {});
      throw error;
    }
  }

  async drop(formats: string): Promise<void> {
    const entry = await this.#entry();
    if (entry) await this.#cache.save({ ...entry, copies: entry.copies.filter((one) => one.formats !== formats) });
    await this.#cache.collect();
  }

  async #note(copy: Copy): Promise<void> {
    const entry = await this.#entry();
    if (!entry) {
      throw new PagemindError('model_not_found', `${this.#name.id} is no longer in the cache.`, {
        hint: 'It was deleted, or replaced by a newer version, while it was being packed.',
      });
    }
    const others = entry.copies.filter(({ formats }) => formats !== copy.formats);
    await this.#cache.save({ ...entry, copies: [...others, copy] });
  }

  /** What the cache has, if it is the version that is read. */
  async #entry(): Promise<Entry | undefined> {
    const entry = await this.#cache.find(this.#name);
    return isSameVersion(entry?.current, this.#version) ? entry : undefined;
  }
}

/** Whether two versions have the same files, wherever they came from. */
export function isSameVersion(one: Version | undefined, other: Version | undefined): boolean {
  const contentOf = (version: Version | undefined): string | undefined =>
    version &&
    JSON.stringify(
      [...version.files].map(({ path, key }) => [path, key]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    );
  return one !== undefined && contentOf(one) === contentOf(other);
}
