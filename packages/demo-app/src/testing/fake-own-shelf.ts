// What keeps quantised models, in memory, as long as a test wants. For tests alone.
import type { OwnShelf } from '../state/own-models.js';
import { FakeShelf } from './fake-shelf.js';

export class FakeOwnShelf extends FakeShelf implements OwnShelf {
  /** Names of models whose files are there. */
  readonly folders: Set<string> = new Set();
  /** No file can be deleted. */
  isLocked = false;

  async list(): Promise<readonly string[]> {
    return [...this.kept.keys()];
  }

  async open(id: string): Promise<FileSystemDirectoryHandle> {
    if (!this.folders.has(id)) throw new DOMException('There is no such folder.', 'NotFoundError');
    return { kind: 'directory', name: id } as FileSystemDirectoryHandle;
  }

  async deleteFiles(id: string): Promise<void> {
    if (this.isLocked) throw new DOMException('It is being read.', 'NoModificationAllowedError');
    this.folders.delete(id);
  }
}
