// Where a checkpoint's files come from: the interfaces, and the checks that every source shares. Parsing is elsewhere.
import { PagemindError, throwIfAborted } from '../errors.js';
import type { ModelSink } from './sink.js';

/** Bytes of one file that can be read by range. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes from `offset`.
   * @throws PagemindError `file_malformed` when the range is not there, `source_unreachable`, `aborted`.
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/** The files of one checkpoint, as the hub lays them out. */
export interface ModelSource {
  /** For people and cache keys, e.g. `Qwen/Qwen2.5-0.5B-Instruct` or a folder's name. */
  readonly name: string;
  /** Opens a file, or gives undefined when it does not exist. */
  open(path: string, signal?: AbortSignal): Promise<ByteSource | undefined>;
  /** Names of the files at the top, where the source can tell; only used to explain what is missing. */
  list?(): Promise<readonly string[]>;
  /**
   * Where bytes are given before they can be verified: waits until all were, and throws when one was wrong. Whoever has read
   * what it needs calls this before it uses it.
   */
  settle?(signal?: AbortSignal): Promise<void>;
  /** Where what is made of the checkpoint can be kept beside it. */
  readonly copies?: PackedCopies;
}

/** Packed copies of one checkpoint, by the formats of their weights. */
export interface PackedCopies {
  /** A whole copy. */
  find(formats: string): Promise<ModelSource | undefined>;
  /**
   * Keeps a copy, if there is room for `numBytes`; it can be found once `fill` has written all of it. What is broken off
   * leaves nothing.
   * @throws PagemindError `storage_full`, `storage_unavailable`; what `fill` throws.
   */
  keep(formats: string, numBytes: number, fill: (sink: ModelSink) => Promise<void>): Promise<void>;
  /** Deletes a copy that cannot be used. */
  drop(formats: string): Promise<void>;
}

/** Throws unless the range lies in a file of `size` bytes and the signal has not fired. */
export function checkRange(path: string, size: number, offset: number, length: number, signal?: AbortSignal): void {
  throwIfAborted(signal);
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new PagemindError('file_malformed', `${path} ends at byte ${size}, before byte ${offset + length}.`, {
    hint: 'The file may be cut short; download it again.',
  });
}

/** The folders and the name in a relative path, or undefined for a path that could leave the checkpoint's folder. */
export function splitPath(path: string): readonly string[] | undefined {
  const parts = path.split('/');
  const isPlain = (part: string): boolean => part !== '' && part !== '.' && part !== '..' && !/[\\:\0]/.test(part);
  return parts.every(isPlain) ? parts : undefined;
}
