// Stores in the browser's own file system (OPFS), for pages and workers; the entry points share them.
import { SessionStore } from './api/session-store.js';
import type { WorkFolder } from './lite/quantized-output.js';
import { browserImageDecoder } from './platform/browser-image.js';
import { opfsFolder } from './platform/opfs-folder.js';
import { DataStore } from './store/data-store.js';

/** A folder of this browser to write a model into; {@link opfsFolder} says what is kept of a file that is broken off. */
export function workFolder(name: string): WorkFolder {
  const { open, write } = opfsFolder(name);
  return {
    open,
    write: (path, bytes) => write(path, chunksOf(bytes)),
  };
}

async function* chunksOf(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield bytes;
}

const FOLDER = 'pagemind';

/**
 * Sessions kept in this browser, for this origin, until they are deleted. Nothing is opened before the first use; where a
 * browser keeps no files, that throws `storage_unavailable`.
 * @param folder keeps those of one app apart from those of others of the same origin
 */
export function sessionStore(folder: string = FOLDER): SessionStore {
  return new SessionStore(opfsFolder(folder), browserImageDecoder);
}

/** Plain data of an app's own, Blobs and typed arrays included, kept in the same way. */
export function dataStore(folder: string = FOLDER): DataStore {
  return new DataStore(opfsFolder(folder));
}
