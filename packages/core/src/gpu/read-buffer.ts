// Reads buffers back in bulk, for writing weights to files. Ids and logits have their own way, runner/readback.ts.
import type { GpuContext } from './context.js';
import { MAP_READ } from './usage.js';

/**
 * Fills `into` with the bytes of `buffer` from `offset` on; both are multiples of 4.
 * @param staging a mappable buffer, of any size, that nobody else uses meanwhile
 * @throws PagemindError `device_lost`, `gpu_error`.
 */
export async function readBuffer(
  gpu: GpuContext,
  staging: GPUBuffer,
  buffer: GPUBuffer,
  offset: number,
  into: Uint8Array,
): Promise<void> {
  for (let done = 0; done < into.length; done += staging.size) {
    const length = Math.min(staging.size, into.length - done);
    gpu.submit([], (encoder) => encoder.copyBufferToBuffer(buffer, offset + done, staging, 0, length));
    try {
      await staging.mapAsync(MAP_READ, 0, length);
      into.set(new Uint8Array(staging.getMappedRange(0, length)), done);
      staging.unmap();
    } catch (cause) {
      throw await gpu.explain(cause);
    }
  }
}
