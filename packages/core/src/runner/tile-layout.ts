// What the tower is told of a tile beside its pixels: which rows attend to which, where they are, and how they are joined.
// The same for every tile of a model, unless images keep their shape.
import type { DeviceProfile } from '@pagemind/kernels-wgsl';
import { attentionTiles, crossTiles } from '../layers/encoder-attention.js';
import { type Interpolation, interpolate } from '../models/vision/interpolation.js';
import {
  fullGrid,
  type PatchGrid,
  patchOrder,
  rotaryTable,
  windowMoves,
  windowsOf,
} from '../models/vision/patch-grid.js';
import { patchesPerSide, type VisionConfig } from '../models/vision/vision-config.js';
import { positionIndex, type TileShape } from '../models/vision/vit.js';
import { selectIndex } from '../models/vlm/projector.js';
import type { ResamplerShape } from '../models/vlm/resampler.js';
import type { VlmConfig } from '../models/vlm/vlm-config.js';

/** Contents of a tower's buffers of these names. */
export interface VitTables {
  readonly positionIndex: Uint32Array<ArrayBuffer>;
  readonly positionWeights: Float32Array<ArrayBuffer>;
  readonly turns: Float32Array<ArrayBuffer>;
  readonly attentionTiles: Uint32Array<ArrayBuffer>;
  readonly windowTiles: Uint32Array<ArrayBuffer>;
  readonly intoWindows: Uint32Array<ArrayBuffer>;
  readonly outOfWindows: Uint32Array<ArrayBuffer>;
}

/** A tile as a tower sees it. */
export interface VitLayout {
  readonly shape: TileShape;
  readonly tables: VitTables;
}

/** Contents of a resampler's buffers of these names. */
export interface ResamplerTables {
  readonly keyPositionIndex: Uint32Array<ArrayBuffer>;
  readonly keyPositionWeights: Float32Array<ArrayBuffer>;
  readonly queryTiles: Uint32Array<ArrayBuffer>;
}

export interface TileLayout extends VitLayout {
  readonly shape: TileShape & ResamplerShape;
  readonly grid: PatchGrid;
  readonly resamplerTables: ResamplerTables;
  readonly selectIndex: Uint32Array<ArrayBuffer>;
}

/** The layout of a tile with these patches; by default of the largest. */
export function tileLayout(
  config: VlmConfig,
  profile: DeviceProfile,
  grid: PatchGrid = fullGrid(config.tower),
): TileLayout {
  const { resampler } = config;
  const vit = vitLayout(config.tower, profile, grid);
  const keyPositions = keyPositionTables(config);
  const resamplerTables: ResamplerTables = {
    keyPositionIndex: keyPositions.index,
    keyPositionWeights: keyPositions.weights,
    queryTiles: resampler
      ? crossTiles(resampler, profile, resampler.numQueries, vit.shape.numPatches)
      : new Uint32Array(),
  };
  return {
    grid,
    shape: { ...vit.shape, numQueryTiles: resamplerTables.queryTiles.length / 4 },
    tables: vit.tables,
    resamplerTables,
    selectIndex: selectIndex(config, grid),
  };
}

/** What a tower is told of a tile with these patches. */
export function vitLayout(tower: VisionConfig, profile: DeviceProfile, grid: PatchGrid = fullGrid(tower)): VitLayout {
  const { windows } = tower;
  const moves = windowMoves(tower, grid);
  const numPatches = grid.rows * grid.cols;
  const numTokens = numPatches + (tower.hasClassToken ? 1 : 0);
  const windowRows = windowsOf(tower, grid).map(({ length }) => (windows?.isPadded ? windows.side ** 2 : length));
  const positions = positionTables(tower);
  const tables: VitTables = {
    positionIndex: positions.index,
    positionWeights: positions.weights,
    turns: tower.positions === 'rotary' ? rotaryTable(tower, grid, patchOrder(tower, grid)) : new Float32Array(),
    attentionTiles: attentionTiles(tower, profile, [numTokens]),
    windowTiles: windows ? attentionTiles(tower, profile, windowRows) : new Uint32Array(),
    intoWindows: moves.into,
    outOfWindows: moves.outOf,
  };
  return {
    shape: {
      numPatches,
      numTokens,
      numAttentionTiles: tables.attentionTiles.length / 4,
      numWindowTiles: tables.windowTiles.length / 4,
      numWindowRows: moves.into.length / 2,
    },
    tables,
  };
}

const NO_TABLES: Interpolation = { index: new Uint32Array(), weights: new Float32Array() };

/** How learned positions come to the rows of a tile. */
export function positionTables(tower: VisionConfig): Interpolation {
  if (tower.positions === 'rotary') return NO_TABLES;
  if (tower.positionsSide === undefined) return { ...NO_TABLES, index: positionIndex(tower) };
  return interpolate(tower.positionsSide, patchesPerSide(tower));
}

/** How positions of a resampler's queries become those of its keys. */
export function keyPositionTables({ resampler, tower }: VlmConfig): Interpolation {
  return resampler ? interpolate(Math.sqrt(resampler.numQueries), patchesPerSide(tower)) : NO_TABLES;
}
