// A folder on disk to keep things in, through Node's file system. A file is written beside its place and moved there when
// it is whole and on the disk.
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PagemindError } from '../errors.js';
import { type Folder, UNFINISHED } from '../store/folder.js';
import { folderSource } from './node-source.js';

/** An unfinished file this old was left by a process that ended. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** The folder `path`, which is made when something is written. */
export function diskFolder(path: string): Folder {
  const root = resolve(path);
  const source = folderSource(root);
  /** Unfinished files of `file`. */
  const unfinished = async (file: string): Promise<readonly string[]> => {
    const files = await namesIn(root);
    return files.filter((each) => each.startsWith(`${file}${UNFINISHED}`)).map((each) => join(root, each));
  };
  return {
    open: (file) => source.open(file),
    write: (file, chunks) =>
      explained(join(root, file), async () => {
        await mkdir(root, { recursive: true });
        for (const left of await unfinished(file)) if (await isAbandoned(left)) await rm(left, { force: true });
        const beside = join(root, `${file}${UNFINISHED}${randomUUID()}`);
        try {
          await writeWhole(beside, chunks);
          await rename(beside, join(root, file));
        } catch (error) {
          await rm(beside, { force: true });
          throw error;
        }
      }),
    list: () => explained(root, () => namesIn(root)),
    delete: (file) =>
      explained(join(root, file), async () => {
        for (const each of [join(root, file), ...(await unfinished(file))]) await rm(each, { force: true });
      }),
  };
}

async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void> {
  // 'wx': never a file or link that somebody else has put there. Conversations are nobody else's to read.
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

async function isAbandoned(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > ABANDONED_MS;
}

/** Works on the disk, and explains what it refuses. */
export async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PagemindError) throw cause;
    const isFull = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
    throw isFull
      ? new PagemindError('storage_full', `There is no room for ${what}.`, { hint: 'Free space on the disk.', cause })
      : new PagemindError('storage_unavailable', `${what} cannot be used.`, {
          hint: 'Check that the folder exists, or can be made, and that you may write there.',
          cause,
        });
  }
}
