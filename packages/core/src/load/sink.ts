// Where a checkpoint is written to: the counterpart of source.ts. What is written is the caller's business.

/** Takes the files of one checkpoint, as the hub lays them out. */
export interface ModelSink {
  /** Writes a whole file; a file of that name is replaced. `bytes` may be dropped when the promise resolves. */
  write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}
