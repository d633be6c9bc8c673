// The rows of images that LLaVA-NeXT and LLaVA-OneVision cut into tiles: the base view, then the grid of tiles as one
// feature map without its padding, perhaps shrunk, each of its lines ended by the newline row.
import { PagemindError } from '../../errors.js';
import type { Resolution } from '../../image/resolutions.js';
import type { RawConfig } from '../raw-config.js';
import { between } from '../vision/convolution.js';
import type { ImageTiles, Placement } from './vlm-config.js';

/** `image_grid_pinpoints`: the sizes that an image may be fitted to, stored as [height, width]. */
export function readPinpoints(raw: RawConfig, tileSize: number): readonly Resolution[] {
  const value = raw.get('image_grid_pinpoints');
  const isSide = (side: unknown): boolean =>
    typeof side === 'number' && side > 0 && side % tileSize === 0 && side / tileSize <= 32;
  const isPinpoint = (pair: unknown): pair is readonly [number, number] =>
    Array.isArray(pair) && pair.length === 2 && pair.every(isSide);
  if (Array.isArray(value) && value.length > 0 && value.every(isPinpoint)) {
    return value.map(([height, width]) => ({ width, height }));
  }
  throw new PagemindError('invalid_config', 'image_grid_pinpoints is not a list of sizes that tiles fill.', {
    hint: `Every size must be [height, width] in multiples of ${tileSize}, the side of a tile.`,
  });
}

export interface AnyresConfig {
  /** Patches along a side of a tile. */
  readonly side: number;
  /** Rows of a tile. */
  readonly rowsPerTile: number;
  /** `vision_aspect_ratio: anyres_max_N`: the grid is shrunk to about N tiles; undefined: never. */
  readonly maxTiles: number | undefined;
}

/** Rows of an image. An image of one tile is its base view and a newline. */
export function placeAnyres(config: AnyresConfig, tiles: ImageTiles): Placement {
  const { rowsPerTile } = config;
  const base = Array.from({ length: rowsPerTile }, (_, i) => i);
  const newline = tiles.numTiles * rowsPerTile;
  if (tiles.numTiles === 1) return { numRows: rowsPerTile + 1, taps: 1, sources: Uint32Array.from([...base, newline]) };

  const map = unpadded(config, tiles);
  const shrunk = shrunkSize(config, map);
  if (shrunk) return placeShrunk(base, newline, map, shrunk);
  const sources = [...base];
  for (let y = 0; y < map.height; y++) {
    for (let x = 0; x < map.width; x++) sources.push(map.rowAt(y, x));
    sources.push(newline);
  }
  return { numRows: sources.length, taps: 1, sources: Uint32Array.from(sources) };
}

/** The grid of tiles as one map of rows. */
interface FeatureMap {
  readonly height: number;
  readonly width: number;
  readonly rowAt: (y: number, x: number) => number;
}

/** The map without what was padded to fit the image into the grid; the base view is tile 0. */
function unpadded({ side, rowsPerTile }: AnyresConfig, { width, height, gridRows, gridCols }: ImageTiles): FeatureMap {
  const [mapHeight, mapWidth] = [gridRows * side, gridCols * side];
  const padding = (mapSide: number, scaled: number): number => Math.floor((mapSide - scaled) / 2);
  // Rounded to 7 places first, as the reference does, so that 3.9999999999 counts as 4.
  const fitted = (length: number, scale: number): number => Math.trunc(Number((length * scale).toFixed(7)));
  const isWide = width / height > mapWidth / mapHeight;
  const top = isWide ? padding(mapHeight, fitted(height, mapWidth / width)) : 0;
  const left = isWide ? 0 : padding(mapWidth, fitted(width, mapHeight / height));
  return {
    height: mapHeight - 2 * top,
    width: mapWidth - 2 * left,
    rowAt: (y, x) => {
      const tile = 1 + Math.floor((y + top) / side) * gridCols + Math.floor((x + left) / side);
      return tile * rowsPerTile + ((y + top) % side) * side + ((x + left) % side);
    },
  };
}

/** The size to shrink a map to when it has too many rows. */
function shrunkSize(
  { side, maxTiles }: AnyresConfig,
  { height, width }: FeatureMap,
): readonly [number, number] | undefined {
  if (maxTiles === undefined) return undefined;
  const ratio = Math.sqrt((height * width) / (maxTiles * side ** 2));
  return ratio > 1.1 ? [Math.floor(height / ratio), Math.floor(width / ratio)] : undefined;
}

/** Bilinear interpolation of the map, pixel centres kept in place: four taps a row. */
function placeShrunk(
  base: readonly number[],
  newline: number,
  map: FeatureMap,
  [height, width]: readonly [number, number],
): Placement {
  const sources: number[] = [];
  const weights: number[] = [];
  const single = (row: number): void => {
    sources.push(row, row, row, row);
    weights.push(1, 0, 0, 0);
  };
  base.forEach(single);
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = between(y, map.height, height);
    for (let x = 0; x < width; x++) {
      const [left, right, across] = between(x, map.width, width);
      sources.push(map.rowAt(top, left), map.rowAt(top, right), map.rowAt(bottom, left), map.rowAt(bottom, right));
      weights.push((1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across);
    }
    single(newline);
  }
  return {
    numRows: sources.length / 4,
    taps: 4,
    sources: Uint32Array.from(sources),
    weights: Float32Array.from(weights),
  };
}
