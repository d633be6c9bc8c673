// From what a person names to a source that can be read, for every platform: models of hubs are opened, watched while they
// are downloaded, and closed again. Which strings are paths or URLs is decided by the platform's entry point.
import type { LoadProgress } from './engine/core.js';
import { isHubId } from './hub/hub-api.js';
import { type HubModelOptions, withHubModel } from './hub/open-model.js';
import type { ModelStorage } from './hub/storage.js';
import type { ModelSource } from './load/source.js';

/** How loading is followed and left. */
export interface LoadHooks {
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** What a platform knows of models. */
export interface ModelPlaces<Location> {
  /** The cache for models of hubs, or what serves instead where there is none. */
  readonly storage: () => ModelStorage | Promise<ModelStorage>;
  /** The source that a location stands for which is no hub's model. */
  readonly source: (model: Location) => ModelSource;
  /** Whether a string that looks like `owner/name` is something else here. */
  readonly isElsewhere?: (model: string) => boolean;
}

/**
 * Runs `use` with the model at a location. For a hub's model it may run again, when bytes turned out to be wrong.
 * @throws what `use` throws, and what opening a hub's model does.
 */
export async function withModel<Location, T>(
  places: ModelPlaces<Location>,
  model: Location,
  hub: HubModelOptions,
  { onProgress, signal }: LoadHooks,
  use: (source: ModelSource, hooks: LoadHooks) => Promise<T>,
): Promise<T> {
  const isOfHub = typeof model === 'string' && isHubId(model) && !places.isElsewhere?.(model);
  if (!isOfHub) return use(places.source(model), { ...(onProgress && { onProgress }), ...(signal && { signal }) });
  const storage = await places.storage();
  const environment = { storage, ...(onProgress && { onProgress }), ...(signal && { signal }) };
  return withHubModel(model, hub, environment, (source) => {
    // The download says how far things are; what it has brought is on the GPU a moment later.
    const report = (progress: LoadProgress): void => {
      if (!(progress.phase === 'weights' && source.isDownloading)) onProgress?.(progress);
    };
    return use(source, { ...(onProgress && { onProgress: report }), ...(signal && { signal }) });
  });
}

/**
 * Brings a model of a hub into the cache.
 * @throws what {@link withHubModel} throws.
 */
export function fetchModel(
  storage: ModelStorage,
  id: string,
  hub: HubModelOptions,
  { onProgress, signal }: LoadHooks,
): Promise<void> {
  const environment = { storage, ...(onProgress && { onProgress }), ...(signal && { signal }) };
  return withHubModel(id, hub, environment, (model) => model.settle(signal));
}

/** Hooks of work that has a progress of its own. */
export function onlySignal({ signal }: { readonly signal?: AbortSignal }): LoadHooks {
  return signal ? { signal } : {};
}
