// Models kept as Blobs, for one load: where a browser keeps no files for a page, as in some private windows, a model is
// downloaded and verified like any other, and gone afterwards. Blobs are not in JavaScript's memory, and large ones may lie on
// disk. What is kept is decided by the hub's room.
import { createSha256 } from '../hub/running-sha256.js';
import type { ModelStorage } from '../hub/storage.js';
import { blobByteSource } from '../load/blob-source.js';
import type { Folder } from '../store/folder.js';

/** A storage that is empty, and as lasting as the reference to it. */
export function blobModels(): ModelStorage {
  const folders = new Map<string, Folder>();
  return {
    isPassing: true,
    index: blobFolder(),
    pieces(key) {
      const folder = folders.get(key) ?? blobFolder();
      folders.set(key, folder);
      return folder;
    },
    keys: async () => [...folders.keys()],
    deletePieces: async (key) => {
      folders.delete(key);
    },
    freeBytes: async () => undefined,
    lock: async () => async () => {},
    createSha256,
  };
}

function blobFolder(): Folder {
  const files = new Map<string, Blob>();
  return {
    async open(file) {
      const blob = files.get(file);
      return blob && blobByteSource(blob, file);
    },
    async write(file, chunks) {
      const parts: Blob[] = [];
      for await (const chunk of chunks) parts.push(new Blob([chunk]));
      files.set(file, new Blob(parts));
    },
    list: async () => [...files.keys()],
    delete: async (file) => {
      files.delete(file);
    },
  };
}
