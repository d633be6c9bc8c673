// Where things are kept: a flat folder of files, in the browser or on disk. What is in the files is elsewhere.
import type { ByteSource } from '../load/source.js';

/** Files by name; names are made by data-store.ts, from letters that every system takes. */
export interface Folder {
  /** Undefined when there is no such file. */
  open(file: string): Promise<ByteSource | undefined>;
  /**
   * Makes or replaces a file. Whatever happens meanwhile, it is afterwards either the whole new one or as it was.
   * @throws PagemindError `storage_full`, `storage_unavailable`; what the chunks throw.
   */
  write(file: string, chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void>;
  list(): Promise<readonly string[]>;
  /** Deletes a file, and what broken off attempts to write it have left. */
  delete(file: string): Promise<void>;
}

/** Stands between a file's name and what marks an unfinished one. Not part of names. */
export const UNFINISHED = '.';
