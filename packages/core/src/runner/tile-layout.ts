// What the tower is told of a tile beside its pixels: which rows attend to which, where they are, and how they are joined.
// The same for every tile of a model, unless images keep their shape.
import type { DeviceProfile } from '@pagemind/kernels-wgsl';
import { attentionTiles, crossTiles } from '../layers/encoder-attention.js';
import { type Interpolation, interpolate } from '../models/vision/interpolation.js';
import { fullGrid, type PatchGrid, rotaryTable, windowsOf } from '../models/vision/patch-grid.js';
import { patchesPerSide, type VisionConfig } from '../models/vision/vision-config.js';
import { positionIndex, type TileShape } from '../models/vision/vit.js';
import { selectIndex } from '../models/vlm/projector.js';
import type { VlmConfig } from '../models/vlm/vlm-config.js';

/** Contents of the buffers of these names. */
export interface TileTables {
  readonly positionIndex: Uint32Array<ArrayBuffer>;
  readonly positionWeights: Float32Array<ArrayBuffer>;
  readonly turns: Float32Array<ArrayBuffer>;
  readonly attentionTiles: Uint32Array<ArrayBuffer>;
  readonly windowTiles: Uint32Array<ArrayBuffer>;
  readonly selectIndex: Uint32Array<ArrayBuffer>;
  readonly keyPositionIndex: Uint32Array<ArrayBuffer>;
  readonly keyPositionWeights: Float32Array<ArrayBuffer>;
  readonly queryTiles: Uint32Array<ArrayBuffer>;
}

export interface TileLayout {
  readonly grid: PatchGrid;
  readonly shape: TileShape;
  readonly tables: TileTables;
}

/** The layout of a tile with these patches; by default of the largest. */
export function tileLayout(
  config: VlmConfig,
  profile: DeviceProfile,
  grid: PatchGrid = fullGrid(config.tower),
): TileLayout {
  const { tower, resampler } = config;
  const windows = windowsOf(tower, grid);
  const numPatches = grid.rows * grid.cols;
  const numTokens = numPatches + (tower.hasClassToken ? 1 : 0);
  const positions = positionTables(tower);
  const keyPositions = keyPositionTables(config);
  const tables: TileTables = {
    positionIndex: positions.index,
    positionWeights: positions.weights,
    turns: tower.positions === 'rotary' ? rotaryTable(tower, grid, windows.flat()) : new Float32Array(),
    attentionTiles: attentionTiles(tower, profile, [numTokens]),
    windowTiles: tower.windows
      ? attentionTiles(
          tower,
          profile,
          windows.map(({ length }) => length),
        )
      : new Uint32Array(),
    selectIndex: selectIndex(config, grid),
    keyPositionIndex: keyPositions.index,
    keyPositionWeights: keyPositions.weights,
    queryTiles: resampler ? crossTiles(resampler, profile, resampler.numQueries, numPatches) : new Uint32Array(),
  };
  return {
    grid,
    shape: {
      numPatches,
      numTokens,
      numAttentionTiles: tables.attentionTiles.length / 4,
      numWindowTiles: tables.windowTiles.length / 4,
      numQueryTiles: tables.queryTiles.length / 4,
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
