// A drop event → the folder or the files in it. Reading them is the engine's work; what they are for, state/dropped.ts.
import type { Dropped } from '../state/dropped.js';

/** What is used of the File System API where it exists; TypeScript's DOM does not have it yet. */
interface HandleItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/** Takes what was dropped. Call it in the drop event itself: the items are gone afterwards. */
export async function readDrop(transfer: DataTransfer): Promise<Dropped> {
  const items = [...transfer.items].filter(({ kind }) => kind === 'file');
  const files = [...transfer.files];
  const entry = items[0]?.webkitGetAsEntry() ?? null;
  const handle = (items[0] as HandleItem | undefined)?.getAsFileSystemHandle?.();
  const directory = await handle?.catch(() => null);
  if (directory?.kind === 'directory') {
    const model = directory as FileSystemDirectoryHandle;
    return { folder: { hostedId: null, name: directory.name, model }, files: [] };
  }
  if (entry?.isDirectory) {
    const model = await filesOf(entry as FileSystemDirectoryEntry);
    return { folder: { hostedId: null, name: entry.name, model }, files: [] };
  }
  return { files };
}

/** The files of a folder; those of folders in it are not part of a model. */
async function filesOf(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const files: File[] = [];
  // A reader gives its entries in parts, and an empty part at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (entries.length === 0) return files;
    for (const entry of entries) {
      if (entry.isFile)
        files.push(await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail)));
    }
  }
}
