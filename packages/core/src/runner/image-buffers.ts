// The buffers that images are encoded in, allocated once: a tile's way through the tower and the projector, and the cache
// of finished features.
import { bufferSize, type GpuContext } from '../gpu/context.js';
import { rowStride } from '../layers/context.js';
import { SURROUNDINGS } from '../models/vision/convolution.js';
import { fullGrid, windowMoves } from '../models/vision/patch-grid.js';
import { type SamConfig, samSides, samWidth } from '../models/vision/sam-config.js';
import { type SamBuffers, samTables } from '../models/vision/sam-encoder.js';
import {
  numPatches,
  numVisionTokens,
  patchesPerSide,
  patchPixels,
  type VisionConfig,
} from '../models/vision/vision-config.js';
import type { TileShape, VitBuffers } from '../models/vision/vit.js';
import { type ProjectorBuffers, selectIndex } from '../models/vlm/projector.js';
import {
  type QFormerBuffers,
  type QFormerConfig,
  type QFormerContext,
  type QFormerTables,
  qformerTables,
} from '../models/vlm/qformer.js';
import type { ResamplerBuffers } from '../models/vlm/resampler.js';
import { betweenWidth, rowsPerTile, tileRowWidth, type VlmConfig } from '../models/vlm/vlm-config.js';
import {
  keyPositionTables,
  positionTables,
  type TileLayout,
  tileLayout,
  type VitTables,
  vitLayout,
} from './tile-layout.js';

/** Rows of encoded images, and lists of them. */
interface FeatureBuffers {
  /** f32 `[numFeatureRows, decoder's hidden]`: rows of encoded images. */
  readonly features: GPUBuffer;
  /** Index of a gather, u32 `[numRows, 1 + taps]`. */
  readonly gatherIndex: GPUBuffer;
  /** f32 `[numRows, taps]` */
  readonly gatherWeights: GPUBuffer;
}

export interface ImageBuffers extends FeatureBuffers {
  readonly vit: VitBuffers;
  readonly resampler: ResamplerBuffers;
  readonly projector: ProjectorBuffers;
  /** Of a second tower, with the shape that all of its tiles have. */
  readonly highRes: { readonly vit: VitBuffers; readonly sam: SamBuffers; readonly tile: TileShape } | undefined;
  /** Of a Q-Former, with the numbers that all tiles have. */
  readonly qformer: Pick<QFormerContext, 'qformer' | 'tile'> | undefined;
  readonly numFeatureRows: number;
}

/** Taps of the most a placement sums. */
const MAX_TAPS = 4;

/** Rows of features to keep, for a budget of `cacheBytes`; one image always fits. */
export function numFeatureRows({ maxRows, projector }: VlmConfig, cacheBytes: number): number {
  const stride = rowStride(projector.at(-1)?.numOutputs ?? 0) * 4;
  return Math.max(maxRows, Math.floor(cacheBytes / stride));
}

/** Bytes of the buffers of an interface. */
type BytesOf<Buffers> = Readonly<Record<keyof Buffers, number>>;

function vitBytes(tower: VisionConfig): BytesOf<VitBuffers> {
  const { hiddenSize, numHeads, windows } = tower;
  const tokens = padRows(numVisionTokens(tower));
  const moves = windowMoves(tower, fullGrid(tower));
  // Padded windows have more rows than the tower.
  const attended = padRows(Math.max(numVisionTokens(tower), moves.into.length / 2));
  const side = Math.max(patchesPerSide(tower), windows?.side ?? 0);
  const hidden = tokens * rowStride(hiddenSize) * 4;
  const positions = positionTables(tower);
  return {
    patches: padRows(numPatches(tower)) * rowStride(patchPixels(tower)) * 4,
    positionIndex: positions.index.byteLength,
    positionWeights: positions.weights.byteLength,
    turns: tower.positions === 'rotary' ? tokens * tower.headDim * 4 : 0,
    attentionTiles: tokens * 16,
    windowTiles: windows ? attended * 16 : 0,
    intoWindows: moves.into.byteLength,
    outOfWindows: moves.outOf.byteLength,
    residual: hidden,
    normed: hidden,
    qkv: attended * rowStride(3 * hiddenSize) * 4,
    heads: attended * rowStride(hiddenSize) * 4,
    relative: tower.hasRelativePositions ? attended * numHeads * 2 * side * 4 : 0,
    mlp: tokens * rowStride(tower.intermediateSize) * 4,
  };
}

function samBytes(config: SamConfig): BytesOf<SamBuffers> {
  const { numChannels, outputSide } = config;
  const sides = samSides(config);
  const rows = { map: padRows(sides.map ** 2), half: padRows(sides.half ** 2), output: padRows(outputSide ** 2) };
  const bytes = (numRows: number, width: number): number => numRows * rowStride(width) * 4;
  const tables = samTables(config);
  return {
    map: bytes(rows.map, numChannels),
    normedMap: bytes(rows.map, numChannels),
    surroundings: Math.max(
      bytes(Math.max(rows.map, rows.half), SURROUNDINGS * numChannels),
      bytes(rows.output, SURROUNDINGS * 2 * numChannels),
    ),
    halved: bytes(rows.half, 2 * numChannels),
    output: bytes(rows.output, samWidth(config)),
    neckIndex: tables.neckIndex.byteLength,
    halveIndex: tables.halveIndex.byteLength,
    halveWeights: tables.halveWeights.byteLength,
    outputIndex: tables.outputIndex.byteLength,
  };
}

function resamplerBytes(config: VlmConfig): BytesOf<ResamplerBuffers> {
  const { tower, resampler } = config;
  const { numQueries, hiddenSize } = resampler ?? { numQueries: 0, hiddenSize: 0 };
  const positions = keyPositionTables(config);
  const keys = padRows(Math.max(numQueries, numPatches(tower))) * hiddenSize * 4;
  return {
    keyPositionIndex: positions.index.byteLength,
    keyPositionWeights: positions.weights.byteLength,
    queryTiles: numQueries * 16,
    keys,
    normedKeys: keys,
    crossQkv: 3 * keys,
    seen: padRows(numQueries) * hiddenSize * 4,
  };
}

function qformerBytes(config: QFormerConfig, numTokens: number): BytesOf<QFormerBuffers> {
  const { numQueries, hiddenSize, intermediateSize } = config;
  const rows = padRows(numQueries);
  const hidden = rows * rowStride(hiddenSize) * 4;
  return {
    queries: hidden,
    normedQueries: hidden,
    queryQkv: padRows(Math.max(numQueries, numTokens)) * rowStride(3 * hiddenSize) * 4,
    queryHeads: hidden,
    queryMlp: rows * rowStride(intermediateSize) * 4,
    selfTiles: rows * 16,
    crossTiles: rows * 16,
  };
}

function projectorBytes(config: VlmConfig): BytesOf<ProjectorBuffers> {
  const { projectorNorm, projector } = config;
  const tileRows = padRows(rowsPerTile(config));
  const selected = tileRows * rowStride(tileRowWidth(config)) * 4;
  return {
    selectIndex: selectIndex(config).byteLength,
    selected,
    normed: projectorNorm ? selected : 0,
    between: tileRows * rowStride(betweenWidth(config)) * 4,
    unnormed: tileRows * rowStride(Math.max(...projector.map((layer) => (layer.norm ? layer.numOutputs : 0)))) * 4,
    projected: tileRows * rowStride(projector.at(-1)?.numOutputs ?? 0) * 4,
  };
}

function featureBytes(config: VlmConfig, cacheBytes: number, maxStepRows: number): BytesOf<FeatureBuffers> {
  const { projector, maxRows } = config;
  return {
    features: numFeatureRows(config, cacheBytes) * rowStride(projector.at(-1)?.numOutputs ?? 0) * 4,
    gatherIndex: Math.max(maxRows, maxStepRows) * (1 + MAX_TAPS) * 4,
    gatherWeights: maxRows * MAX_TAPS * 4,
  };
}

/** Bytes that {@link allocateImageBuffers} takes. */
export function imageBytes(config: VlmConfig, cacheBytes: number, maxStepRows: number): number {
  const { tower, highRes } = config;
  const groups: readonly Readonly<Record<string, number>>[] = [
    vitBytes(tower),
    ...(highRes ? [vitBytes(highRes.sam.tower), samBytes(highRes.sam)] : []),
    resamplerBytes(config),
    ...(config.qformer ? [qformerBytes(config.qformer, numVisionTokens(tower))] : []),
    projectorBytes(config),
    featureBytes(config, cacheBytes, maxStepRows),
  ];
  return groups.flatMap((group) => Object.values(group)).reduce((sum, bytes) => sum + bufferSize(bytes), 0);
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
  const made: GPUBuffer[] = [];
  const allocate = async <Name extends string>(sizes: Readonly<Record<Name, number>>, prefix = 'image') => {
    const group: Partial<Record<Name, GPUBuffer>> = {};
    for (const name of Object.keys(sizes) as Name[]) {
      const buffer = await gpu.allocate(`${prefix} ${name}`, sizes[name]);
      made.push(buffer);
      group[name] = buffer;
    }
    return group as Record<Name, GPUBuffer>;
  };
  try {
    const { tower, highRes, qformer } = config;
    const numTokens = numVisionTokens(tower);
    const samLayout = highRes && vitLayout(highRes.sam.tower, gpu.profile);
    const queryTables = qformer && qformerTables(qformer, gpu.profile, numTokens);
    const buffers: ImageBuffers = {
      vit: await allocate(vitBytes(tower)),
      resampler: await allocate(resamplerBytes(config)),
      projector: await allocate(projectorBytes(config)),
      highRes: highRes &&
        samLayout && {
          vit: await allocate(vitBytes(highRes.sam.tower), 'image high_res'),
          sam: await allocate(samBytes(highRes.sam), 'image high_res'),
          tile: samLayout.shape,
        },
      qformer: qformer &&
        queryTables && {
          qformer: await allocate(qformerBytes(qformer, numTokens)),
          tile: qformerShape(queryTables, numTokens),
        },
      ...(await allocate(featureBytes(config, cacheBytes, maxStepRows))),
      numFeatureRows: numFeatureRows(config, cacheBytes),
    };
    writeLayout(gpu, buffers, tileLayout(config, gpu.profile));
    if (highRes && samLayout && buffers.highRes) {
      writeTables(gpu, buffers.highRes.vit, samLayout.tables);
      writeTables(gpu, buffers.highRes.sam, samTables(highRes.sam));
    }
    if (queryTables && buffers.qformer) writeTables(gpu, buffers.qformer.qformer, queryTables);
    return buffers;
  } catch (error) {
    gpu.release(...made);
    throw error;
  }
}

function qformerShape({ selfTiles, crossTiles }: QFormerTables, numTokens: number): QFormerContext['tile'] {
  return { numTokens, numSelfTiles: selfTiles.length / 4, numCrossTiles: crossTiles.length / 4 };
}

/** Uploads the tables of a tile. */
export function writeLayout(
  gpu: GpuContext,
  { vit, resampler, projector }: ImageBuffers,
  { tables, resamplerTables, selectIndex }: TileLayout,
): void {
  writeTables(gpu, vit, tables);
  writeTables(gpu, resampler, resamplerTables);
  writeTables(gpu, projector, { selectIndex });
}

type Table = VitTables[keyof VitTables];

function writeTables<Name extends string>(
  { queue }: GpuContext,
  buffers: Readonly<Record<NoInfer<Name>, GPUBuffer>>,
  tables: Readonly<Record<Name, Table>>,
): void {
  for (const [name, table] of Object.entries(tables) as [Name, Table][]) queue.writeBuffer(buffers[name], 0, table);
}

/** Tiled kernels write whole tiles of rows: there is always a spare tile. */
function padRows(numRows: number): number {
  return Math.ceil(numRows / 64) * 64 + 64;
}
