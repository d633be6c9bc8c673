// The KV pool's memory: one buffer of pages per layer. What a page looks like inside is the kernels' business, which page
// belongs to whom the block manager's.
import { type KvType, kvPageBytes } from '@pagemind/kernels-wgsl';
import type { GpuContext } from '../gpu/context.js';
import type { DecoderConfig } from '../models/decoder-config.js';

/**
 * Allocates the pool.
 * @throws PagemindError `out_of_memory`; nothing stays allocated then.
 */
export async function allocateKvCache(
  gpu: GpuContext,
  config: DecoderConfig,
  numPages: number,
  pageSize: number,
  kvType: KvType,
): Promise<readonly GPUBuffer[]> {
  const layers: GPUBuffer[] = [];
  const { numKvHeads, headDim } = config;
  const layerBytes = numPages * kvPageBytes({ kvType, headDim, numKvHeads, pageSize });
  try {
    for (let layer = 0; layer < config.numLayers; layer++) {
      layers.push(await gpu.allocate(`KV cache of layer ${layer}`, layerBytes));
    }
  } catch (error) {
    gpu.release(...layers);
    throw error;
  }
  return layers;
}
