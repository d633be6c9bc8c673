// Copies pages of the KV pool to JavaScript and back, all layers of a page side by side. Which pages, and what they mean, is
// the engine's business; what lies in a page is nobody's here.
import type { GpuContext } from '../gpu/context.js';
import { BufferUsage, MAP_READ } from '../gpu/usage.js';

/** The pool: a buffer per layer, `[page][pageBytes]`. */
export interface KvPool {
  readonly layers: readonly GPUBuffer[];
  /** Of one page in one layer; a multiple of 4. */
  readonly pageBytes: number;
}

/**
 * Bytes `[pages.length, numLayers, pageBytes]`, as everything submitted before leaves them. Takes as much memory again on the
 * GPU: callers read a large pool in windows.
 * @throws PagemindError `device_lost`, `gpu_error`.
 */
export async function readPages(
  gpu: GpuContext,
  { layers, pageBytes }: KvPool,
  pages: readonly number[],
): Promise<Uint8Array<ArrayBuffer>> {
  const numBytes = pages.length * layers.length * pageBytes;
  const staging = gpu.create('KV pages', numBytes, BufferUsage.mapRead | BufferUsage.copyDst);
  try {
    gpu.submit([], (encoder) => {
      let to = 0;
      for (const page of pages) {
        for (const layer of layers) {
          encoder.copyBufferToBuffer(layer, page * pageBytes, staging, to, pageBytes);
          to += pageBytes;
        }
      }
    });
    await staging.mapAsync(MAP_READ);
    return new Uint8Array(staging.getMappedRange().slice(0, numBytes));
  } catch (cause) {
    throw await gpu.explain(cause);
  } finally {
    gpu.release(staging);
  }
}

/** Writes what {@link readPages} gave, for everything that is submitted from now on. */
export function writePages(
  gpu: GpuContext,
  { layers, pageBytes }: KvPool,
  pages: readonly number[],
  bytes: Uint8Array<ArrayBuffer>,
): void {
  let from = 0;
  for (const page of pages) {
    for (const layer of layers) {
      gpu.queue.writeBuffer(layer, page * pageBytes, bytes, from, pageBytes);
      from += pageBytes;
    }
  }
}
