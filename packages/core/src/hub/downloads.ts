// Brings the files of a model into the cache: which piece is fetched next, how many at a time, and what happens when one
// cannot be had. A connection is range-reader.ts; whether a file is right in the end is checked by hub-model.ts.
import { PagemindError, throwIfAborted } from '../errors.js';
import type { Remote } from '../load/http-request.js';
import type { HeldBytes } from '../load/read-ahead.js';
import type { CachedFile, Piece } from './cached-file.js';
import { ChangedError, RangeReader, type Validator } from './range-reader.js';

/** A file to download. */
export interface Download {
  readonly file: CachedFile;
  readonly remote: Remote;
  /** Its content can be checked in the end. */
  readonly hasHash: boolean;
}

/** How downloads report and what they may use. */
export interface DownloadsOptions {
  /** Connections at a time. */
  readonly numConnections: number;
  readonly held: HeldBytes;
  /** Bytes arrived or pieces were stored. */
  readonly onProgress: () => void;
  /** Frees storage for so many bytes; false when there is nothing left to free. */
  readonly makeRoom: (bytes: number) => Promise<boolean>;
}

/** A download and what goes on with it. */
interface State extends Download {
  readonly readers: Map<RangeReader, number>;
  readonly validator: Validator | undefined;
  /** The server has shown that it can serve ranges. */
  knowsRanges: boolean;
  numRestarts: number;
}

/** A file that changes more often while it is read has no version that could be had. */
const MAX_RESTARTS = 3;

export class Downloads {
  readonly #states: ReadonlyMap<CachedFile, State>;
  readonly #options: DownloadsOptions;
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Called at every change of what is stored, and at failure. */
  readonly #listeners = new Set<() => void>();
  /** Pieces that somebody waits for. */
  readonly #wanted = new Map<CachedFile, Set<number>>();
  #wantsAll = false;
  #failure: unknown;

  constructor(downloads: readonly Download[], options: DownloadsOptions) {
    this.#options = options;
    this.#states = new Map(
      downloads.map((download) => {
        const validator = download.hasHash ? undefined : { etag: undefined };
        return [download.file, { ...download, readers: new Map(), validator, knowsRanges: false, numRestarts: 0 }];
      }),
    );
  }

  /** Bytes of pieces that are on their way. */
  get arrivingBytes(): number {
    let bytes = 0;
    for (const { readers } of this.#states.values())
      for (const { receivedBytes } of readers.keys()) bytes += receivedBytes;
    return bytes;
  }

  /** From now on everything that is missing is fetched, in order. */
  startAll(): void {
    this.#wantsAll = true;
    this.#pump();
  }

  /**
   * Waits until a piece is stored.
   * @throws PagemindError `source_unreachable`, `storage_full`, `storage_unavailable`, `aborted`.
   */
  async need(file: CachedFile, { index }: Piece, signal?: AbortSignal): Promise<void> {
    while (!file.stored.has(index)) {
      throwIfAborted(signal);
      if (this.#failure) throw this.#failure;
      throwIfAborted(this.#controller.signal);
      const wanted = this.#wanted.get(file) ?? new Set();
      this.#wanted.set(file, wanted.add(index));
      this.#pump();
      await this.#change(signal);
    }
    this.#wanted.get(file)?.delete(index);
  }

  /** Stops everything; when it resolves, nothing is written any more. */
  async stop(): Promise<void> {
    this.#controller.abort();
    this.#notify();
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #pump(): void {
    while (!this.#failure && !this.#controller.signal.aborted && this.#running.size < this.#options.numConnections) {
      const next = this.#nextPiece();
      if (!next) return;
      const running = this.#fetch(...next).finally(() => {
        this.#running.delete(running);
        this.#pump();
        this.#notify();
      });
      this.#running.add(running);
    }
  }

  /** What somebody waits for first, then everything in order. */
  #nextPiece(): readonly [State, Piece] | undefined {
    for (const [file, indices] of this.#wanted) {
      const state = this.#states.get(file);
      const piece =
        state && canStart(state) && file.pieces.find(({ index }) => indices.has(index) && isMissing(state, index));
      if (piece) return [state, piece];
    }
    if (!this.#wantsAll) return undefined;
    for (const state of this.#states.values()) {
      const piece = canStart(state) && state.file.pieces.find(({ index }) => isMissing(state, index));
      if (piece) return [state, piece];
    }
    return undefined;
  }

  /** Fetches a piece, and those behind it when the server sends the whole file anyway. */
  async #fetch(state: State, first: Piece): Promise<void> {
    const { file, remote, validator, readers } = state;
    const { signal } = this.#controller;
    const { held, onProgress } = this.#options;
    const { numRestarts } = state;
    const onEvent = (): void => {
      const knew = state.knowsRanges;
      if (reader.mode !== 'unknown') state.knowsRanges = reader.mode === 'range';
      if (state.knowsRanges && !knew) this.#pump();
      onProgress();
    };
    const reader = new RangeReader({ remote, size: file.record.size, validator, held, signal, onEvent });
    try {
      for (let piece: Piece | undefined = first; piece; ) {
        readers.set(reader, piece.index);
        await this.#store(state, reader, piece);
        reader.receivedBytes = 0;
        // Bytes of a version that is gone by now.
        if (state.numRestarts !== numRestarts) return await file.folder.delete(piece.name);
        file.stored.add(piece.index);
        this.#notify();
        const { index }: Piece = piece;
        piece =
          reader.mode === 'whole'
            ? file.pieces.find((other) => other.index > index && isMissing(state, other.index))
            : undefined;
      }
    } catch (error) {
      if (error instanceof ChangedError) await this.#startOver(state, numRestarts);
      else this.#fail(error);
    } finally {
      reader.close();
      readers.delete(reader);
    }
  }

  async #store({ file }: State, reader: RangeReader, { name, start, end }: Piece): Promise<void> {
    for (;;) {
      try {
        return await file.folder.write(name, reader.read(start, end));
      } catch (error) {
        const isFull = error instanceof PagemindError && error.code === 'storage_full';
        if (!isFull || !(await this.#options.makeRoom(end - start))) throw error;
      }
    }
  }

  async #startOver(state: State, numRestarts: number): Promise<void> {
    if (state.numRestarts !== numRestarts) return; // another connection has seen it, too
    state.numRestarts++;
    if (state.validator) state.validator.etag = undefined;
    if (state.numRestarts > MAX_RESTARTS) {
      this.#fail(
        new PagemindError('source_unreachable', `${state.file.record.path} changes while it is read.`, {
          hint: 'Give a commit as revision, or try again later.',
        }),
      );
      return;
    }
    await state.file.discard();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#controller.abort();
    this.#notify();
  }

  #notify(): void {
    this.#options.onProgress();
    for (const listener of this.#listeners) listener();
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#listeners.delete(end);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      this.#listeners.add(end);
      signal?.addEventListener('abort', end);
    });
  }
}

/** The first connection shows whether the server knows ranges; one that brings the whole file stays alone. */
function canStart({ readers, knowsRanges }: State): boolean {
  return readers.size === 0 || (knowsRanges && [...readers.keys()].every(({ mode }) => mode !== 'whole'));
}

function isMissing({ file, readers }: State, index: number): boolean {
  return !file.stored.has(index) && ![...readers.values()].includes(index);
}
