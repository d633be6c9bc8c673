// What the library needs of the place it runs in. Browser and Node each have one file that provides it.
import type { ImageDecoder } from '../image/image.js';

export interface Platform {
  readonly name: 'browser' | 'node';
  /** Maps resolve on a slow timer here unless the queue is poked (Firefox). */
  readonly pokesQueue: boolean;
  /** The WebGPU entry point, or undefined where there is none. */
  gpu(): GPU | undefined;
  /** How image files become pixels. */
  readonly images: ImageDecoder;
  /** Milliseconds on a monotonic clock. */
  now(): number;
}
