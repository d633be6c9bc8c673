// A model of a hub as a ModelSource: what is not in the cache yet is downloaded when it is read, and beforehand once weights
// are. Bytes may be read before their file could be verified; whoever did so learns in the end whether they were right.
import { PagemindError, throwIfAborted } from '../errors.js';
import type { HeldBytes } from '../load/read-ahead.js';
import type { ByteSource, ModelSource, PackedCopies } from '../load/source.js';
import { type CachedFile, PieceGoneError } from './cached-file.js';
import type { Downloads } from './downloads.js';

/** A file whose bytes do not have the hash that the hub names is fetched so many times more. */
const MAX_CORRUPT = 2;
/** So often may pieces vanish while a file is read. */
const MAX_GONE = 3;
/** A model that cannot be loaded may be downloaded wrongly, or be wrong; it is read so many times more to find out. */
const MAX_SUSPICIONS = 2;

/** A file of the model, and what is known about it by now. */
class HubModelFile {
  readonly cached: CachedFile;
  isVerified: boolean;
  /** Pieces that were read before the file was verified. */
  readonly readEarly = new Set<number>();
  numCorrupt = 0;
  /** Pieces were taken away while the file may have been hashed. */
  numDiscarded = 0;
  verifying: Promise<void> | undefined;

  constructor(cached: CachedFile, isVerified: boolean) {
    this.cached = cached;
    this.isVerified = isVerified;
  }
}

/** What a model that is being downloaded needs beside its files. */
export interface Downloading {
  readonly downloads: Downloads;
  /** Called once when all files are there and verified. */
  readonly onComplete: () => Promise<void>;
}

export class HubModel implements ModelSource {
  readonly name: string;
  readonly held: HeldBytes;
  readonly copies?: PackedCopies;
  readonly #files: ReadonlyMap<string, HubModelFile>;
  /** Missing: everything is in the cache, and verified. */
  readonly #downloading: Downloading | undefined;
  readonly #controller = new AbortController();
  #following: Promise<void> | undefined;
  #hasMisled = false;
  #numSuspicions = 0;

  constructor(
    name: string,
    files: readonly CachedFile[],
    held: HeldBytes,
    downloading: Downloading | undefined,
    /** Keys of files that were verified before. */
    verified: ReadonlySet<string>,
    copies?: PackedCopies,
  ) {
    this.name = name;
    this.held = held;
    if (copies) this.copies = copies;
    this.#downloading = downloading;
    this.#files = new Map(
      files.map((file) => {
        const { path, key } = file.record;
        return [path, new HubModelFile(file, file.isStored && verified.has(key))];
      }),
    );
  }

  async open(path: string): Promise<ByteSource | undefined> {
    const file = this.#files.get(path);
    if (!file) return undefined;
    return {
      size: file.cached.record.size,
      read: (offset, length, signal) => this.#read(file, offset, length, signal),
    };
  }

  async list(): Promise<readonly string[]> {
    return [...this.#files.keys()];
  }

  /** Whether bytes may still come from the network. */
  get isDownloading(): boolean {
    return this.#downloading !== undefined && [...this.#files.values()].some(({ isVerified }) => !isVerified);
  }

  /** Bytes that are here, those on their way included, and of all files. */
  get progress(): { readonly loadedBytes: number; readonly totalBytes: number } {
    let loadedBytes = this.#downloading?.downloads.arrivingBytes ?? 0;
    let totalBytes = 0;
    for (const { cached } of this.#files.values()) {
      loadedBytes += cached.storedBytes;
      totalBytes += cached.record.size;
    }
    return { loadedBytes, totalBytes };
  }

  /**
   * Waits until everything is downloaded and verified.
   * @throws PagemindError `checksum_mismatch` when the hub has other bytes than it says; `source_unreachable`, `storage_full`,
   * `aborted`; what `isMisled` is about when bytes that were read have turned out to be wrong.
   */
  async settle(signal?: AbortSignal): Promise<void> {
    if (!this.#downloading) return;
    await abortable(this.#follow(), signal);
    if (this.#hasMisled) throw new PagemindError('checksum_mismatch', `${this.name} was read before it was verified.`);
  }

  /**
   * Whether a failure may come from bytes that were wrong. They are then gone, and everything can be read again.
   */
  async isMisled(error: unknown): Promise<boolean> {
    if (this.#hasMisled) {
      this.#hasMisled = false;
      return true;
    }
    if (!this.#downloading || !isAboutContent(error)) return false;
    let isMisled = false;
    for (const file of this.#files.values()) {
      if (file.isVerified || file.readEarly.size === 0) continue;
      file.numDiscarded++;
      await file.cached.discard(file.readEarly);
      file.readEarly.clear();
      isMisled = true;
    }
    return isMisled && ++this.#numSuspicions <= MAX_SUSPICIONS;
  }

  /** Ends downloads; what is stored stays. */
  async close(): Promise<void> {
    this.#controller.abort();
    await this.#downloading?.downloads.stop();
    await Promise.allSettled([this.#following, ...Array.from(this.#files.values(), ({ verifying }) => verifying)]);
  }

  async #read(
    file: HubModelFile,
    offset: number,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { cached } = file;
    if (this.#downloading && !file.isVerified) {
      const pieces = cached.piecesIn(offset, length);
      // Files of one piece are verified before anybody sees them: a tokenizer that is wrong might still work.
      if (cached.pieces.length <= 1) await abortable(this.#verify(file), signal);
      else {
        // Who reads beyond the head wants the weights.
        if (pieces.some(({ index }) => index > 0)) this.#follow().catch(() => {});
        for (const { index } of pieces) file.readEarly.add(index);
      }
    }
    return this.#whileGone(async () => {
      const pieces = cached.piecesIn(offset, length);
      await Promise.all(pieces.map((piece) => this.#downloading?.downloads.need(cached, piece, signal)));
      return cached.read(offset, length, signal);
    });
  }

  /** What is gone from the cache can be downloaded once more, as long as anything can. */
  async #whileGone<T>(work: () => Promise<T>): Promise<T> {
    for (let numGone = 0; ; numGone++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof PieceGoneError && this.#downloading && numGone < MAX_GONE)) throw error;
      }
    }
  }

  /** Downloads everything and verifies file after file, as their pieces come. */
  #follow(): Promise<void> {
    this.#following ??= (async () => {
      this.#downloading?.downloads.startAll();
      for (const file of this.#files.values()) await this.#verify(file);
      await this.#downloading?.onComplete();
    })();
    return this.#following;
  }

  #verify(file: HubModelFile): Promise<void> {
    file.verifying ??= this.#verified(file).catch((error: unknown) => {
      file.verifying = undefined;
      throw error;
    });
    return file.verifying;
  }

  async #verified(file: HubModelFile): Promise<void> {
    const { cached } = file;
    const { downloads } = this.#downloading as Downloading;
    const { signal } = this.#controller;
    while (!file.isVerified) {
      const { numDiscarded } = file;
      try {
        file.isVerified = await this.#whileGone(() =>
          cached.isIntact(signal, (piece) => downloads.need(cached, piece, signal)),
        );
      } catch (error) {
        if (file.numDiscarded === numDiscarded) throw error;
      }
      if (file.isVerified) return;
      if (file.numDiscarded !== numDiscarded) continue;
      await cached.discard();
      // Only now, as somebody may have read a piece while it was being taken away.
      if (file.readEarly.size > 0) this.#hasMisled = true;
      file.readEarly.clear();
      if (++file.numCorrupt > MAX_CORRUPT) {
        throw new PagemindError('checksum_mismatch', `${cached.record.path} has other bytes than the hub says.`, {
          hint: 'The hub or something on the way damages it; try another endpoint, or later.',
        });
      }
    }
  }
}

/** Faults that wrong bytes of weights can cause; configuration and tokenizer are verified before they are read. */
function isAboutContent(error: unknown): boolean {
  const ofTensors = ['tensor_missing', 'tensor_unexpected', 'tensor_mismatch'];
  const codes = ['file_malformed', 'unsupported_format', 'internal', ...ofTensors];
  return !(error instanceof PagemindError) || codes.includes(error.code);
}

/** Leaves waiting when the signal fires; what was waited for goes on. */
async function abortable(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted(signal);
  if (!signal) return work;
  let abort: () => void = () => {};
  const left = new Promise<void>((resolve) => {
    abort = resolve;
  });
  signal.addEventListener('abort', abort);
  try {
    await Promise.race([work, left]);
    throwIfAborted(signal);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
