// The KV pool's memory: one buffer of pages per layer, which may be replaced by larger ones. What a page looks like inside
// is the kernels' business, which page belongs to whom the block manager's.
import { type KvType, kvPageBytes } from '@pagemind/kernels-wgsl';
import type { GpuContext } from '../gpu/context.js';
import type { DecoderConfig } from '../models/decoder-config.js';

export class KvCache {
  /** Of one page in one layer. */
  readonly pageBytes: number;
  readonly #gpu: GpuContext;
  readonly #layers: GPUBuffer[] = [];

  private constructor(gpu: GpuContext, pageBytes: number) {
    this.#gpu = gpu;
    this.pageBytes = pageBytes;
  }

  /**
   * Allocates the pool.
   * @throws PagemindError `out_of_memory`; nothing stays allocated then.
   */
  static async create(
    gpu: GpuContext,
    { numLayers, numKvHeads, headDim }: DecoderConfig,
    numPages: number,
    pageSize: number,
    kvType: KvType,
  ): Promise<KvCache> {
    const cache = new KvCache(gpu, kvPageBytes({ kvType, headDim, numKvHeads, pageSize }));
    try {
      for (let layer = 0; layer < numLayers; layer++) cache.#layers.push(await cache.#allocate(layer, numPages));
    } catch (error) {
      gpu.release(...cache.#layers);
      throw error;
    }
    return cache;
  }

  /** A buffer per layer, `[page][pageBytes]`. */
  get layers(): readonly GPUBuffer[] {
    return this.#layers;
  }

  /** Of all layers. */
  get numBytes(): number {
    return this.#layers.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Makes room for `numPages` pages. It goes layer by layer, so that never more than one of them is there twice; what was
   * submitted before still sees the old buffer.
   * @param onReplaced called when a layer's buffer is another one
   * @throws PagemindError `out_of_memory`; some layers may be larger then, and all hold what they held.
   */
  async grow(numPages: number, onReplaced: () => void): Promise<void> {
    for (const [layer, { size }] of this.#layers.entries()) {
      if (size >= numPages * this.pageBytes) continue;
      const larger = await this.#allocate(layer, numPages);
      const old = this.#layers[layer] as GPUBuffer;
      this.#gpu.submit([], (encoder) => encoder.copyBufferToBuffer(old, 0, larger, 0, old.size));
      this.#layers[layer] = larger;
      onReplaced();
      this.#gpu.release(old);
    }
  }

  #allocate(layer: number, numPages: number): Promise<GPUBuffer> {
    return this.#gpu.allocate(`KV cache of layer ${layer}`, numPages * this.pageBytes);
  }
}
