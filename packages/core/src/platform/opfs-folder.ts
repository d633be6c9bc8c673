// A folder of the browser's own file system (OPFS), in a page or in a worker. The browser writes to a copy and puts it in
// place when it is closed, so a page may vanish at any moment; what it leaves of a new file is empty, and counts for none.
import { PagemindError } from '../errors.js';
import { blobByteSource } from '../load/blob-source.js';
import { type Folder, UNFINISHED } from '../store/folder.js';

/** The folder at `path` (`a` or `a/b`) in this origin's file system; made when something is written. */
export function opfsFolder(path: string): Folder {
  const open = (create: boolean): Promise<FileSystemDirectoryHandle | undefined> => opfsDirectory(path, create);
  return {
    open: (file) =>
      explained(`${file} cannot be opened.`, async () => {
        const handle = await (await open(false))?.getFileHandle(file).catch(unlessMissing);
        const content = await handle?.getFile();
        return content && content.size > 0 ? blobByteSource(content, file) : undefined;
      }),
    write: (file, chunks) =>
      explained(`${file} cannot be written.`, async () => {
        const handle = await (await open(true))?.getFileHandle(file, { create: true });
        if (handle) await writeWhole(handle, chunks);
      }),
    list: () =>
      explained('What is stored cannot be listed.', async () => {
        const files: string[] = [];
        for (const handle of await handlesIn(await open(false))) {
          if (handle.kind === 'file' && (await (handle as FileSystemFileHandle).getFile()).size > 0)
            files.push(handle.name);
        }
        return files;
      }),
    delete: (file) =>
      explained(`${file} cannot be deleted.`, async () => {
        const folder = await open(false);
        for (const { name: each } of await handlesIn(folder)) {
          if (each === file || each.startsWith(`${file}${UNFINISHED}`)) await folder?.removeEntry(each);
        }
      }),
  };
}

/** Whether the browser keeps files for this page: not in some private windows. */
export async function keepsFiles(): Promise<boolean> {
  try {
    await navigator.storage.getDirectory();
    return true;
  } catch {
    return false;
  }
}

/** Writes a file; what was there stays when that fails. */
export async function writeWhole(
  handle: FileSystemFileHandle,
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const writable = await handle.createWritable();
  try {
    for await (const chunk of chunks) await writable.write(chunk);
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => {});
    throw error;
  }
}

/** The folder at `path`; undefined when it is not there and not to be made. */
export async function opfsDirectory(path: string, create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
  let folder: FileSystemDirectoryHandle | undefined = await navigator.storage.getDirectory();
  for (const name of path.split('/')) folder = await folder?.getDirectoryHandle(name, { create }).catch(unlessMissing);
  return folder;
}

async function handlesIn(folder: FileSystemDirectoryHandle | undefined): Promise<readonly FileSystemHandle[]> {
  const handles: FileSystemHandle[] = [];
  if (folder) for await (const handle of folder.values()) handles.push(handle);
  return handles;
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
}

/** Works in the browser's file system, and explains what it refuses. */
export async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PagemindError) throw cause;
    if ((cause as Partial<Error>)?.name === 'QuotaExceededError') {
      throw new PagemindError('storage_full', 'The browser gives this site no more room.', {
        hint: 'Delete something that is stored here, or free space on the disk.',
        cause,
      });
    }
    throw new PagemindError('storage_unavailable', what, {
      hint: 'The browser keeps no files for this page: it may be a private window, or not a secure (https) page.',
      cause,
    });
  }
}
