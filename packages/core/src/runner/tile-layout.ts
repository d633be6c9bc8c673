// What the tower is told of a tile beside its pixels: which rows attend to which, where they are, and how they are joined.
// The same for every tile of a model, unless images keep their shape.
import type { DeviceProfile } from '@pagemind/kernels-wgsl';
import { attentionTiles } from '../layers/encoder-attention.js';
import {
  fullGrid,
  type PatchGrid,
  patchOrder,
  rotaryTable,
  windowMoves,
  windowsOf,
} from '../models/vision/patch-grid.js';
import type { VisionConfig } from '../models/vision/vision-config.js';
import { positionIndex, type TileShape } from '../models/vision/vit.js';
import { selectIndex } from '../models/vlm/projector.js';
import type { VlmConfig } from '../models/vlm/vlm-config.js';

/** Contents of a tower's buffers of these names. */
export interface VitTables {
  readonly positionIndex: Uint32Array<ArrayBuffer>;
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

export interface TileLayout extends VitLayout {
  readonly grid: PatchGrid;
  readonly selectIndex: Uint32Array<ArrayBuffer>;
}

/** The layout of a tile with these patches; by default of the largest. */
export function tileLayout(
  config: VlmConfig,
  profile: DeviceProfile,
  grid: PatchGrid = fullGrid(config.tower),
): TileLayout {
  return { grid, ...vitLayout(config.tower, profile, grid), selectIndex: selectIndex(config, grid) };
}

/** What a tower is told of a tile with these patches. */
export function vitLayout(tower: VisionConfig, profile: DeviceProfile, grid: PatchGrid = fullGrid(tower)): VitLayout {
  const { windows } = tower;
  const moves = windowMoves(tower, grid);
  const numPatches = grid.rows * grid.cols;
  const numTokens = numPatches + (tower.hasClassToken ? 1 : 0);
  const windowRows = windowsOf(tower, grid).map(({ length }) => (windows?.isPadded ? windows.side ** 2 : length));
  const tables: VitTables = {
    positionIndex: tower.positions === 'learned' ? positionIndex(tower) : new Uint32Array(),
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
