// Stores in the browser's own file system (OPFS), for pages and workers; the entry points share them. Models are brought here
// by the hub's room.
import { SessionStore } from './api/session-store.js';
import { type CachedModel, type FileSink, ModelCache } from './hub/model-cache.js';
import type { ModelStorage } from './hub/storage.js';
import type { WorkFolder } from './lite/quantized-output.js';
import { blobModels } from './platform/blob-models.js';
import { browserImageDecoder } from './platform/browser-image.js';
import { keepsFiles, opfsFolder } from './platform/opfs-folder.js';
import { handleSink, opfsModels } from './platform/opfs-models.js';
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

/** The cache for models of hubs; all apps of an origin share it. */
export function modelStorage(): ModelStorage {
  return opfsModels('pagemind-models');
}

/** The cache; where the browser keeps no files for this page, what serves for one load. */
export async function storageForLoading(): Promise<ModelStorage> {
  return (await keepsFiles()) ? modelStorage() : blobModels();
}

/**
 * Models of hubs that are in this browser's cache, completely or in part, the one used last first.
 * @throws PagemindError `storage_unavailable`.
 */
export function listCached(): Promise<readonly CachedModel[]> {
  return new ModelCache(modelStorage()).list();
}

/**
 * Deletes a model from the cache, in all its revisions; an engine that runs it goes on. Waits for a download of it to end.
 * @throws PagemindError `storage_unavailable`, `aborted`.
 */
export function deleteCached(id: string, signal?: AbortSignal): Promise<void> {
  return new ModelCache(modelStorage()).delete(id, signal);
}

/**
 * Writes the files of a model in the cache, as the hub has them.
 * @param target a folder that a person chose (`showDirectoryPicker`), or a sink of your own
 * @throws PagemindError `model_not_found` when not all of it is in the cache; `storage_unavailable`, `storage_full`, `aborted`.
 */
export function exportModel(
  id: string,
  target: FileSystemDirectoryHandle | FileSink,
  signal?: AbortSignal,
): Promise<void> {
  const sink = 'getFileHandle' in target ? handleSink(target) : target;
  return new ModelCache(modelStorage()).export(id, sink, signal);
}
