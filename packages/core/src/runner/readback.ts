// Brings a few bytes per step back from the GPU, late: a ring of staging buffers made once, mapped out of the step loop.
import type { GpuContext } from '../gpu/context.js';
import { BufferUsage, MAP_READ } from '../gpu/usage.js';

export class Readback {
  readonly #gpu: GpuContext;
  readonly #free: GPUBuffer[];
  readonly #pokesQueue: boolean;
  #bytes = 0;

  private constructor(gpu: GpuContext, buffers: GPUBuffer[], pokesQueue: boolean) {
    this.#gpu = gpu;
    this.#free = buffers;
    this.#pokesQueue = pokesQueue;
  }

  /**
   * @param numBuffers results that may be under way at once
   * @param pokesQueue Firefox resolves maps on a slow timer unless the queue is poked meanwhile
   */
  static async create(gpu: GpuContext, numBuffers: number, bytes: number, pokesQueue: boolean): Promise<Readback> {
    const buffers: GPUBuffer[] = [];
    for (let i = 0; i < numBuffers; i++) {
      buffers.push(await gpu.allocate('readback', bytes, BufferUsage.mapRead | BufferUsage.copyDst));
    }
    return new Readback(gpu, buffers, pokesQueue);
  }

  /** Bytes brought back so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A buffer to copy into before {@link map}; undefined when all are under way. */
  take(): GPUBuffer | undefined {
    return this.#free.pop();
  }

  /** Maps a taken buffer after its copy was submitted, hands out a copy of its first `length` bytes, and frees it. */
  async map(buffer: GPUBuffer, length: number): Promise<Uint32Array> {
    const mapped = buffer.mapAsync(MAP_READ, 0, length);
    if (this.#pokesQueue) await this.#poke(mapped);
    await mapped;
    const words = new Uint32Array(buffer.getMappedRange(0, length).slice(0));
    buffer.unmap();
    this.#bytes += length;
    this.#free.push(buffer);
    return words;
  }

  async #poke(mapped: Promise<unknown>): Promise<void> {
    let isPending = true;
    const settle = (): void => {
      isPending = false;
    };
    mapped.then(settle, settle);
    const { port1, port2 } = new MessageChannel();
    while (isPending) {
      this.#gpu.queue.submit([]);
      await new Promise((resolve) => {
        port1.onmessage = resolve;
        port2.postMessage(0);
      });
    }
    port1.close();
  }
}
