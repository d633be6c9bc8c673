// A cache of models in memory, with a quota, whose pieces tests can look at and damage.
import { createHash } from 'node:crypto';
import { PagemindError } from '../errors.js';
import type { ModelStorage, RunningHash } from '../hub/storage.js';
import type { Folder } from '../store/folder.js';
import { MemoryFolder } from './memory-folder.js';

export class MemoryModels implements ModelStorage {
  readonly index: MemoryFolder = new MemoryFolder();
  readonly files: Map<string, MemoryFolder> = new Map();
  /** Bytes of pieces that may be stored. */
  quota: number = Number.POSITIVE_INFINITY;
  /** Whether the storage tells beforehand how much room there is. */
  tellsFreeBytes = true;
  readonly #locks = new Map<string, Promise<void>>();

  pieces(key: string): Folder {
    const folder = this.files.get(key) ?? new MemoryFolder();
    return {
      open: (file) => folder.open(file),
      list: () => folder.list(),
      delete: (file) => folder.delete(file),
      write: async (file, chunks) => {
        const beside = new MemoryFolder();
        await beside.write(file, chunks);
        const bytes = beside.files.get(file) as Uint8Array<ArrayBuffer>;
        if (this.usedBytes + bytes.length > this.quota) throw new PagemindError('storage_full', 'The memory is full.');
        this.files.set(key, folder);
        folder.files.set(file, bytes);
      },
    };
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const { files } of this.files.values()) for (const { length } of files.values()) bytes += length;
    return bytes;
  }

  async keys(): Promise<readonly string[]> {
    return [...this.files.keys()];
  }

  async deletePieces(key: string): Promise<void> {
    this.files.get(key)?.files.clear();
    this.files.delete(key);
  }

  async freeBytes(): Promise<number | undefined> {
    return this.tellsFreeBytes ? this.quota - this.usedBytes : undefined;
  }

  /** Node's, which is quicker than the library's own. */
  createSha256(): RunningHash {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
  }

  async lock(name: string): Promise<() => Promise<void>> {
    const before = this.#locks.get(name) ?? Promise.resolve();
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#locks.set(
      name,
      before.then(() => held),
    );
    await before;
    return async () => release();
  }
}
