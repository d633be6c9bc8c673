// The KV pool's memory: one buffer per layer, `[page][kv head][K|V][slot][headDim]`. Which page belongs to whom is the
// block manager's business.
import type { GpuContext } from '../gpu/context.js';
import type { DecoderConfig } from '../models/decoder-config.js';

export type KvDtype = 'f16' | 'f32';

/** Bytes of one page in one layer. */
export function pageBytes(
  { numKvHeads, headDim }: Pick<DecoderConfig, 'numKvHeads' | 'headDim'>,
  pageSize: number,
  dtype: KvDtype,
): number {
  return numKvHeads * 2 * pageSize * headDim * (dtype === 'f16' ? 2 : 4);
}

/**
 * Allocates the pool.
 * @throws PagemindError `out_of_memory`; nothing stays allocated then.
 */
export async function allocateKvCache(
  gpu: GpuContext,
  config: DecoderConfig,
  numPages: number,
  pageSize: number,
  dtype: KvDtype,
): Promise<readonly GPUBuffer[]> {
  const layers: GPUBuffer[] = [];
  try {
    for (let layer = 0; layer < config.numLayers; layer++) {
      layers.push(await gpu.allocate(`KV cache of layer ${layer}`, numPages * pageBytes(config, pageSize, dtype)));
    }
  } catch (error) {
    gpu.release(...layers);
    throw error;
  }
  return layers;
}
