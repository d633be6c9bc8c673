// What a person dropped on the page → a model to load. Reading the files is the engine's work.
import { filesChoice, type ModelChoice } from '../state/catalog.js';

/** What is used of the File System API where it exists; TypeScript's DOM does not have it yet. */
interface HandleItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/**
 * Takes the dropped folder, or the dropped files. Call it in the drop event itself: the items are gone afterwards.
 * @returns undefined when no file was dropped
 */
export async function droppedModel(transfer: DataTransfer): Promise<ModelChoice | undefined> {
  const items = [...transfer.items].filter(({ kind }) => kind === 'file');
  const files = [...transfer.files];
  const entry = items[0]?.webkitGetAsEntry() ?? null;
  const handle = (items[0] as HandleItem | undefined)?.getAsFileSystemHandle?.();
  const directory = await handle?.catch(() => null);
  if (directory?.kind === 'directory') {
    return { hostedId: null, name: directory.name, model: directory as FileSystemDirectoryHandle };
  }
  if (entry?.isDirectory) {
    return { hostedId: null, name: entry.name, model: await filesOf(entry as FileSystemDirectoryEntry) };
  }
  return files.length > 0 ? filesChoice(files) : undefined;
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
