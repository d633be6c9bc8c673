// Where a tensor of a checkpoint lies, whatever kind of file it lies in.
import type { TensorLocation } from './safetensors.js';
import type { ByteSource } from './source.js';

/** A tensor and the file it lies in. */
export interface TensorEntry extends TensorLocation {
  readonly source: ByteSource;
  /** Path of the file, for messages. */
  readonly file: string;
}
