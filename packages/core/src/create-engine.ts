// `createEngine` of the page: finds out what `model` is and assembles an engine in this thread.
import { Engine } from './api/engine-api.js';
import type { AssembleOptions } from './assemble.js';
import { assembleOnce } from './assemble-once.js';
import { storageForLoading } from './browser-stores.js';
import { PagemindError } from './errors.js';
import { blobSource } from './load/blob-source.js';
import { type DirectoryHandle, directorySource } from './load/directory-source.js';
import { fileInSource } from './load/file-in-source.js';
import { httpSource } from './load/http-source.js';
import type { ModelSource } from './load/source.js';
import { type ModelPlaces, withModel } from './load-model.js';
import { browserPlatform } from './platform/browser.js';

/**
 * Where a model comes from: its name on a hub (`Qwen/Qwen2.5-0.5B-Instruct`), a URL of its folder or GGUF file (relative ones
 * begin with `/` or `./`), files picked by a person, a folder handle, or a source of your own.
 */
export type ModelLocation = string | URL | readonly File[] | DirectoryHandle | ModelSource;

/** Options of {@link createEngine}. */
export interface CreateEngineOptions extends AssembleOptions {
  readonly model: ModelLocation;
}

/**
 * Loads a model and makes an engine in this thread; for a worker see `@pagemind/core/client`.
 * @throws PagemindError; its code says what was wrong.
 */
export function createEngine({ model, ...options }: CreateEngineOptions): Promise<Engine> {
  return withModel(browserPlaces, model, options, options, async (source, hooks) => {
    return new Engine(await assembleOnce(browserPlatform, source, { ...options, ...hooks }));
  });
}

/** Models as pages and workers name them. */
export const browserPlaces: ModelPlaces<ModelLocation> = { storage: storageForLoading, source: modelSource };

/** The source that a location stands for. */
export function modelSource(model: ModelLocation): ModelSource {
  if (typeof model === 'string' || model instanceof URL) {
    const base = globalThis.location?.href;
    const url = URL.parse?.(String(model), base) ?? new URL(String(model), base);
    const name = decodeURIComponent(url.pathname.replace(/\/+$/, '').split('/').pop() ?? url.href);
    if (name.endsWith('.gguf')) return fileInSource(httpSource(new URL('.', url).href), name);
    return httpSource(url.href, {}, name);
  }
  if (Array.isArray(model)) return blobSource(model as readonly File[]);
  if ('kind' in model) return directorySource(model as DirectoryHandle);
  if ('open' in model) return model as ModelSource;
  throw new PagemindError('invalid_option', 'model is neither a name, nor a URL, nor files, nor a folder.', {
    hint: 'Give its name on a hub, the URL of a folder with config.json, a list of File, or a directory handle.',
  });
}
