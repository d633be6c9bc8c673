// Where models are kept: what the hub's cache needs of a browser or a disk. Both provide it in platform/; what is kept, and
// what counts as whole, is decided in this room.
import type { Folder } from '../store/folder.js';

/** A hash that bytes are given to bit by bit. */
export interface RunningHash {
  update(bytes: Uint8Array<ArrayBuffer>): void;
  /** Hexadecimal. Nothing may be added afterwards. */
  digest(): string;
}

/** Keeps files in pieces, each written once and as a whole. */
export interface ModelStorage {
  /** What is stored serves one load: nothing is worth converting for the next. Missing: it lasts. */
  readonly isPassing?: boolean;
  /** What is known about the models. */
  readonly index: Folder;
  /** The pieces of one file, which stand in a folder of their own. */
  pieces(key: string): Folder;
  /** Keys of files of which there are pieces. */
  keys(): Promise<readonly string[]>;
  /** Deletes all pieces of a file. */
  deletePieces(key: string): Promise<void>;
  /** Bytes that can still be written, where that is known. */
  freeBytes(): Promise<number | undefined>;
  /**
   * Waits until nobody else, here or in another page or process, holds `name`.
   * @returns what lets it go
   * @throws PagemindError `aborted`.
   */
  lock(name: string, signal?: AbortSignal): Promise<() => Promise<void>>;
  createSha256(): RunningHash;
}
