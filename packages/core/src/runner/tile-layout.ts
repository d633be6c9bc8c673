// What the tower is told of a tile beside its pixels: which rows attend to which, where they are, and how they are joined.
// The same for every tile of a model, unless images keep their shape.
import type { DeviceProfile } from '@pagemind/kernels-wgsl';
import { attentionTiles } from '../layers/encoder-attention.js';
import { fullGrid, type PatchGrid, rotaryTable, windowsOf } from '../models/vision/patch-grid.js';
import { positionIndex, type TileShape } from '../models/vision/vit.js';
import { selectIndex } from '../models/vlm/projector.js';
import type { VlmConfig } from '../models/vlm/vlm-config.js';

/** Contents of the buffers of these names. */
export interface TileTables {
  readonly positionIndex: Uint32Array<ArrayBuffer>;
  readonly turns: Float32Array<ArrayBuffer>;
  readonly attentionTiles: Uint32Array<ArrayBuffer>;
  readonly windowTiles: Uint32Array<ArrayBuffer>;
  readonly selectIndex: Uint32Array<ArrayBuffer>;
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
  const { tower } = config;
  const windows = windowsOf(tower, grid);
  const numPatches = grid.rows * grid.cols;
  const numTokens = numPatches + (tower.hasClassToken ? 1 : 0);
  const tables: TileTables = {
    positionIndex: tower.positions === 'learned' ? positionIndex(tower) : new Uint32Array(),
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
  };
  return {
    grid,
    shape: {
      numPatches,
      numTokens,
      numAttentionTiles: tables.attentionTiles.length / 4,
      numWindowTiles: tables.windowTiles.length / 4,
    },
    tables,
  };
}
