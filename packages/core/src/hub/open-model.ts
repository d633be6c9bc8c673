// From a model's name to something that can be read: what is in the cache is taken from there, without a request; the rest
// is listed, given room and downloaded. One page or process at a time downloads a model, the others wait for it.
import { PagemindError } from '../errors.js';
import type { HttpOptions } from '../load/http-request.js';
import { RateMeter } from '../load/rate.js';
import type { HeldBytes } from '../load/read-ahead.js';
import { type CachedFile, type FileRecord, keyOf, PieceGoneError, type PieceSizes } from './cached-file.js';
import { chooseFiles } from './choose-files.js';
import { Downloads } from './downloads.js';
import { Hub, type HubFile, type HubListing, type HubOptions } from './hub-api.js';
import { HubModel } from './hub-model.js';
import { type Entry, type EntryName, ModelCache, type Version } from './model-cache.js';
import { CopiesInCache, isSameVersion } from './packed-copies.js';
import type { ModelStorage } from './storage.js';

/** How a model of a hub is loaded. */
export interface HubModelOptions extends HubOptions {
  /** One file of weights to take, e.g. a `.gguf` among several. Default: safetensors, else GGUF, else PyTorch's. */
  readonly weightsFile?: string;
  /** Asks the hub whether there is a newer version even when the model is in the cache. Default false. */
  readonly revalidate?: boolean;
  /**
   * Keep in the cache, packed, what an engine's `quantize` makes of the weights, if there is room: the next load has nothing to
   * convert. Default true.
   */
  readonly keepPacked?: boolean;
}

/** How far a download is. */
export interface DownloadProgress {
  readonly phase: 'download';
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** Lately; missing until it is known. */
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
  /** One short line for people. */
  readonly text: string;
}

/** What opening needs beside the model's name; everything but the storage has a default. */
export interface HubEnvironment {
  readonly storage: ModelStorage;
  readonly http?: HttpOptions;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds, for rates. */
  readonly now?: () => number;
  /** Connections at a time. Default 4. */
  readonly numConnections?: number;
  readonly sizes?: PieceSizes;
}

/** Between two reports of progress: for people, and reports may have to go to another thread. */
const REPORT_MS = 100;

/**
 * Runs `use` with a model of a hub; again, when it failed or ended with bytes that turned out to be wrong.
 * @throws PagemindError of `use`; `source_unreachable`, `model_not_found`, `file_missing`, `checksum_mismatch`,
 * `storage_full`, `storage_unavailable`, `invalid_option`, `aborted`.
 */
export async function withHubModel<T>(
  id: string,
  options: HubModelOptions,
  environment: HubEnvironment,
  use: (model: HubModel) => Promise<T>,
): Promise<T> {
  for (let numGone = 0; ; numGone++) {
    const { model, close } = await openHubModel(id, options, environment);
    try {
      for (;;) {
        try {
          return await use(model);
        } catch (error) {
          if (!(await model.isMisled(error))) throw error;
        }
      }
    } catch (error) {
      // The cache was not as complete as it seemed: once more, with the network.
      if (!(error instanceof PieceGoneError) || numGone > 0) throw error;
    } finally {
      await close();
    }
  }
}

interface OpenModel {
  readonly model: HubModel;
  readonly close: () => Promise<void>;
}

async function openHubModel(id: string, options: HubModelOptions, environment: HubEnvironment): Promise<OpenModel> {
  const { revision, weightsFile, revalidate = false } = options;
  const { storage, signal, http = {}, sizes } = environment;
  const hub = new Hub(options, { cache: 'no-store', ...http });
  const cache = new ModelCache(storage, sizes);
  const name: EntryName = { id, revision, weightsFile };
  const found = revalidate ? undefined : await openCached(cache, name);
  if (found) return found;

  const release = await storage.lock(id, signal);
  try {
    // Whoever held the lock may have downloaded it.
    const meanwhile = revalidate ? undefined : await openCached(cache, name);
    if (meanwhile) {
      await release();
      return meanwhile;
    }
    const listing = await list(hub, cache, name, environment);
    if (!listing) {
      await release();
      return (await openCached(cache, name)) as OpenModel;
    }
    const model = await startDownload(hub, cache, name, listing, environment);
    const close = async (): Promise<void> => {
      await model.close();
      await release();
    };
    return { model, close };
  } catch (error) {
    await release();
    throw error;
  }
}

/** The model as it is in the cache, if all of it is. */
async function openCached(cache: ModelCache, name: EntryName): Promise<OpenModel | undefined> {
  const entry = await cache.find(name);
  if (!entry?.current) return undefined;
  const held: HeldBytes = { now: 0, peak: 0 };
  const files = await openFiles(cache, entry.current, held);
  if (!files.every(({ isStored }) => isStored)) return undefined;
  await cache.save({ ...entry, usedAt: Date.now() }).catch(() => {}); // a full disk does not keep it from being read
  const copies = copiesOf(cache, name, entry.current);
  const model = new HubModel(name.id, files, held, undefined, keysOf(entry.current), copies);
  return { model, close: () => model.close() };
}

/** What the hub has; undefined when it cannot be asked but the cache has what it had. */
async function list(
  hub: Hub,
  cache: ModelCache,
  name: EntryName,
  environment: HubEnvironment,
): Promise<HubListing | undefined> {
  try {
    return await hub.list(name.id, name.revision, environment.signal);
  } catch (error) {
    const isOffline = error instanceof PagemindError && error.code === 'source_unreachable';
    const cached = isOffline ? await openCached(cache, name) : undefined;
    if (cached) return undefined;
    throw error;
  }
}

async function startDownload(
  hub: Hub,
  cache: ModelCache,
  name: EntryName,
  listing: HubListing,
  { onProgress, now = () => performance.now(), numConnections = 4 }: HubEnvironment,
): Promise<HubModel> {
  const chosen = chooseFiles(name.id, listing.files, name.weightsFile);
  const records = await Promise.all(chosen.map(recordOf));
  const version: Version = { commit: listing.commit, files: records };
  const before = await cache.find(name);
  const { current, copies = [] } = before ?? {};
  const entry: Entry = { ...name, current, next: version, copies, usedAt: Date.now() };
  await cache.save(entry);

  const held: HeldBytes = { now: 0, peak: 0 };
  const files = await openFiles(cache, version, held);
  await forgetUnverifiable(files, before);
  const missingBytes = files.reduce((sum, { record, storedBytes }) => sum + record.size - storedBytes, 0);
  if (!(await cache.makeRoom(missingBytes, name))) {
    await (before ? cache.save(before) : cache.remove(name));
    throw await tooLarge(cache, name, missingBytes);
  }

  const meter = new RateMeter(now);
  let reportedAt = Number.NEGATIVE_INFINITY;
  const downloads = new Downloads(
    files.map((file, i) => {
      const { url, path, hash } = chosen[i] as HubFile;
      return { file, remote: hub.remote(url, path), hasHash: hash !== undefined };
    }),
    {
      numConnections,
      held,
      makeRoom: () => cache.evictOne(name),
      onProgress: () => {
        if (!onProgress || now() - reportedAt < REPORT_MS || !model.isDownloading) return;
        reportedAt = now();
        const { loadedBytes, totalBytes } = model.progress;
        const pace = meter.pace(loadedBytes, totalBytes);
        const text = `Downloading ${name.id}: ${progressText(loadedBytes, totalBytes, pace.bytesPerSecond)}`;
        onProgress({ phase: 'download', loadedBytes, totalBytes, ...pace, text });
      },
    },
  );
  const onComplete = async (): Promise<void> => {
    const stillRight = isSameVersion(current, version) ? copies : [];
    await cache.save({ ...entry, current: version, next: undefined, copies: stillRight, usedAt: Date.now() });
    await cache.collect();
  };
  const kept = copiesOf(cache, name, version);
  const model = new HubModel(name.id, files, held, { downloads, onComplete }, keysOf(current), kept);
  return model;
}

/** Where what engines make of the weights is kept, if the storage lasts. */
function copiesOf(cache: ModelCache, name: EntryName, version: Version): CopiesInCache | undefined {
  return cache.storage.isPassing ? undefined : new CopiesInCache(cache, name, version);
}

function keysOf(version: Version | undefined): ReadonlySet<string> {
  return new Set(version?.files.map(({ key }) => key));
}

async function recordOf(file: HubFile): Promise<FileRecord> {
  return { path: file.path, size: file.size, key: await keyOf(file) };
}

function openFiles(cache: ModelCache, { files }: Version, held: HeldBytes): Promise<CachedFile[]> {
  return Promise.all(files.map((record) => cache.open(record, held)));
}

/** Of a file without a hash, pieces of an earlier attempt may be another version's. */
async function forgetUnverifiable(files: readonly CachedFile[], before: Entry | undefined): Promise<void> {
  const whole = keysOf(before?.current);
  for (const file of files) {
    if (file.record.key.startsWith('none-') && !whole.has(file.record.key)) await file.discard();
  }
}

async function tooLarge(cache: ModelCache, { id }: EntryName, bytes: number): Promise<PagemindError> {
  const free = (await cache.storage.freeBytes()) ?? 0;
  return new PagemindError('storage_full', `${id} needs ${megabytes(bytes)} of storage; ${megabytes(free)} are free.`, {
    hint: 'Free space, or take a smaller model. Deleting the other models of the cache would not be enough.',
  });
}

function progressText(loaded: number, total: number, bytesPerSecond: number | undefined): string {
  const rate = bytesPerSecond === undefined ? '' : `, ${megabytes(bytesPerSecond)}/s`;
  const left = bytesPerSecond === undefined ? '' : `, ${duration((total - loaded) / bytesPerSecond)} left`;
  return `${megabytes(loaded)} of ${megabytes(total)}${rate}${left}`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 100) return `${whole} s`;
  return whole < 6000 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3600)} h`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}
