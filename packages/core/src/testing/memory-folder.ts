// A folder in memory, whose files tests can look at and damage.
import { bytesSource } from '../load/memory-source.js';
import type { Folder } from '../store/folder.js';

export class MemoryFolder implements Folder {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();

  async open(file: string): Promise<ReturnType<typeof bytesSource> | undefined> {
    const bytes = this.files.get(file);
    return bytes && bytesSource(bytes, file);
  }

  async write(file: string, chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void> {
    const all: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of chunks) all.push(chunk);
    this.files.set(file, new Uint8Array(await new Blob(all).arrayBuffer()));
  }

  async list(): Promise<readonly string[]> {
    return [...this.files.keys()];
  }

  async delete(file: string): Promise<void> {
    this.files.delete(file);
  }
}
