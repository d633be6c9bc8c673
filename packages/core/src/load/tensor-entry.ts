// A tensor of a checkpoint: what it is and where its bytes lie. Reading them is the loader's business.
import type { TensorLocation } from './safetensors.js';
import type { ByteSource } from './source.js';

/** A tensor and the file it lies in. */
export interface TensorEntry extends TensorLocation {
  readonly source: ByteSource;
  /** Path of the file, for messages. */
  readonly file: string;
}
