// The buffers that images are encoded in, allocated once: a tile's way through the tower and the projector, and the cache
// of finished features.
import { bufferSize, type GpuContext } from '../gpu/context.js';
import { rowStride } from '../layers/context.js';
import { numPatches, numVisionTokens, patchPixels } from '../models/vision/vision-config.js';
import type { VitBuffers } from '../models/vision/vit.js';
import { type ProjectorBuffers, selectIndex } from '../models/vlm/projector.js';
import type { ResamplerBuffers } from '../models/vlm/resampler.js';
import { rowsPerTile, tileRowWidth, type VlmConfig } from '../models/vlm/vlm-config.js';
import { keyPositionTables, positionTables, type TileTables, tileLayout } from './tile-layout.js';

export interface ImageBuffers {
  readonly vit: VitBuffers;
  readonly resampler: ResamplerBuffers;
  readonly projector: ProjectorBuffers;
  /** f32 `[numFeatureRows, decoder's hidden]`: rows of encoded images. */
  readonly features: GPUBuffer;
  readonly numFeatureRows: number;
  /** Index of a gather, u32 `[numRows, 1 + taps]`. */
  readonly gatherIndex: GPUBuffer;
  /** f32 `[numRows, taps]` */
  readonly gatherWeights: GPUBuffer;
}

/** Taps of the most a placement sums. */
const MAX_TAPS = 4;

/** Rows of features to keep, for a budget of `cacheBytes`; one image always fits. */
export function numFeatureRows({ maxRows, projector }: VlmConfig, cacheBytes: number): number {
  const stride = rowStride(projector.at(-1)?.numOutputs ?? 0) * 4;
  return Math.max(maxRows, Math.floor(cacheBytes / stride));
}

/** Bytes by buffer; the plan and the allocation agree by construction. */
function bufferBytes(config: VlmConfig, cacheBytes: number, maxStepRows: number) {
  const { tower, resampler, projectorNorm, projector, maxRows } = config;
  const tokens = padRows(numVisionTokens(tower));
  const tileRows = padRows(rowsPerTile(config));
  const hidden = tokens * rowStride(tower.hiddenSize) * 4;
  const [first, last] = [projector[0], projector.at(-1)].map((layer) => rowStride(layer?.numOutputs ?? 0) * 4);
  const selected = tileRows * rowStride(tileRowWidth(config)) * 4;
  const keys = resampler ? padRows(Math.max(resampler.numQueries, numPatches(tower))) * resampler.hiddenSize * 4 : 0;
  const [positions, keyPositions] = [positionTables(tower), keyPositionTables(config)];
  const gatherRows = Math.max(maxRows, maxStepRows);
  return {
    patches: padRows(numPatches(tower)) * rowStride(patchPixels(tower)) * 4,
    positionIndex: positions.index.byteLength,
    positionWeights: positions.weights.byteLength,
    turns: tower.positions === 'rotary' ? tokens * tower.headDim * 4 : 0,
    attentionTiles: tokens * 16,
    windowTiles: tower.windows ? tokens * 16 : 0,
    residual: hidden,
    normed: hidden,
    qkv: tokens * rowStride(3 * tower.hiddenSize) * 4,
    heads: hidden,
    mlp: tokens * rowStride(tower.intermediateSize) * 4,
    selectIndex: selectIndex(config).byteLength,
    selected,
    keyPositionIndex: keyPositions.index.byteLength,
    keyPositionWeights: keyPositions.weights.byteLength,
    queryTiles: resampler ? resampler.numQueries * 16 : 0,
    keys,
    normedKeys: keys,
    crossQkv: 3 * keys,
    seen: resampler ? selected : 0,
    joined: projectorNorm ? selected : 0,
    between: tileRows * (first as number),
    projected: tileRows * (last as number),
    features: numFeatureRows(config, cacheBytes) * (last as number),
    gatherIndex: gatherRows * (1 + MAX_TAPS) * 4,
    gatherWeights: maxRows * MAX_TAPS * 4,
  };
}

/** Bytes that {@link allocateImageBuffers} takes. */
export function imageBytes(config: VlmConfig, cacheBytes: number, maxStepRows: number): number {
  const buffers = Object.values(bufferBytes(config, cacheBytes, maxStepRows));
  return buffers.reduce((sum, bytes) => sum + bufferSize(bytes), 0);
}

/**
 * Allocates all of them and uploads the tables of the largest tile; on failure nothing stays.
 * @throws PagemindError `out_of_memory`.
 */
export async function allocateImageBuffers(
  gpu: GpuContext,
  config: VlmConfig,
  cacheBytes: number,
  maxStepRows: number,
): Promise<ImageBuffers> {
  const sizes = bufferBytes(config, cacheBytes, maxStepRows);
  const made: Partial<Record<keyof typeof sizes, GPUBuffer>> = {};
  try {
    for (const name of Object.keys(sizes) as (keyof typeof sizes)[]) {
      made[name] = await gpu.allocate(`image ${name}`, sizes[name]);
    }
  } catch (error) {
    gpu.release(...Object.values(made));
    throw error;
  }
  const {
    selectIndex: select,
    keyPositionIndex,
    keyPositionWeights,
    queryTiles,
    keys,
    normedKeys,
    crossQkv,
    seen,
    selected,
    joined,
    between,
    projected,
    features,
    gatherIndex,
    gatherWeights,
    ...vit
  } = made as Record<keyof typeof sizes, GPUBuffer>;
  const buffers: ImageBuffers = {
    vit,
    resampler: { keyPositionIndex, keyPositionWeights, queryTiles, keys, normedKeys, crossQkv, seen },
    projector: { selectIndex: select, selected, normed: joined, between, projected },
    features,
    numFeatureRows: numFeatureRows(config, cacheBytes),
    gatherIndex,
    gatherWeights,
  };
  writeTables(gpu, buffers, tileLayout(config, gpu.profile).tables);
  return buffers;
}

/** Uploads the tables of a tile. */
export function writeTables(
  { queue }: GpuContext,
  { vit, resampler, projector }: ImageBuffers,
  tables: TileTables,
): void {
  const buffers: Readonly<Record<keyof TileTables, GPUBuffer>> = { ...vit, ...resampler, ...projector };
  for (const [name, table] of Object.entries(tables) as [keyof TileTables, TileTables[keyof TileTables]][]) {
    queue.writeBuffer(buffers[name], 0, table);
  }
}

/** Tiled kernels write whole tiles of rows: there is always a spare tile. */
function padRows(numRows: number): number {
  return Math.ceil(numRows / 64) * 64 + 64;
}
