// Models kept by a browser: pieces in its own file system (OPFS), the room that it grants, and one page or worker of this
// origin at a time. What is kept is decided by the hub's room.
import { invariant, PagemindError, throwIfAborted } from '../errors.js';
import type { FileSink } from '../hub/model-cache.js';
import { createSha256 } from '../hub/running-sha256.js';
import type { ModelStorage } from '../hub/storage.js';
import { splitPath } from '../load/source.js';
import { explained, opfsDirectory, opfsFolder, writeWhole } from './opfs-folder.js';

/** Models below the folder `path`. */
export function opfsModels(path: string): ModelStorage {
  const files = `${path}/files`;
  return {
    index: opfsFolder(path),
    pieces: (key) => opfsFolder(`${files}/${key}`),
    keys: () =>
      explained('The models that are stored cannot be listed.', async () => {
        const keys: string[] = [];
        for await (const name of (await opfsDirectory(files, false))?.keys() ?? []) keys.push(name);
        return keys;
      }),
    deletePieces: (key) =>
      explained('A model cannot be deleted.', async () => {
        await (await opfsDirectory(files, false))?.removeEntry(key, { recursive: true });
      }),
    freeBytes: async () => {
      const { quota, usage } = (await navigator.storage?.estimate?.()) ?? {};
      return quota === undefined || usage === undefined ? undefined : Math.max(0, quota - usage);
    },
    lock: (name, signal) => lock(`pagemind ${path} ${name}`, signal),
    createSha256,
  };
}

/** A folder that a person gave, to write models to. */
export function handleSink(root: FileSystemDirectoryHandle): FileSink {
  return {
    write: (path, blocks) =>
      explained(`${path} cannot be written.`, async () => {
        const folders = splitPath(path)?.slice();
        const file = folders?.pop();
        invariant(folders && file, `${path} stays inside the folder`);
        let folder = root;
        for (const name of folders) folder = await folder.getDirectoryHandle(name, { create: true });
        await writeWhole(await folder.getFileHandle(file, { create: true }), blocks);
      }),
  };
}

/** Asks the browser to keep what is stored when its disk is nearly full; it may ask the person, or say no. */
export async function keepStorage(): Promise<void> {
  // Workers have no persist().
  const storage = globalThis.navigator?.storage as { persist?: () => Promise<boolean> } | undefined;
  await storage?.persist?.().catch(() => false);
}

async function lock(name: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  throwIfAborted(signal);
  return new Promise((resolve, reject) => {
    const held = (): Promise<void> => new Promise((release) => resolve(async () => release()));
    navigator.locks.request(name, { ...(signal && { signal }) }, held).catch((cause: unknown) => {
      reject(
        signal?.aborted
          ? new PagemindError('aborted', 'The operation was aborted.', { cause })
          : new PagemindError('storage_unavailable', 'This page cannot keep models.', {
              hint: 'The browser gives it no locks: it may not be a secure (https) page.',
              cause,
            }),
      );
    });
  });
}
