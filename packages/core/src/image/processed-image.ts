// What processors make of an image: the tiles that a vision tower looks at. How they are chosen is in processors/.
import { invariant, PagemindError } from '../errors.js';
import type { RgbImage } from './image.js';

/** An image as a vision tower takes it. */
export interface ProcessedImage {
  /** Of the image before anything was done to it. */
  readonly width: number;
  readonly height: number;
  /** [numTiles, 3, tileHeight, tileWidth], normalised. */
  readonly tiles: Float32Array<ArrayBuffer>;
  /** The same for a second tower, in a size of its own, where the model has one. */
  readonly highRes?: Float32Array<ArrayBuffer>;
  readonly numTiles: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** Of the high-resolution grid, whose tiles come row by row; 0 × 0 when there is only the view of the whole. */
  readonly gridRows: number;
  readonly gridCols: number;
  /** Where among the tiles the view of the whole image is. */
  readonly basePosition: 'first' | 'last' | 'only';
}

/** What processing depends on beside the image. */
export interface ProcessOptions {
  /** Images in the prompt, this one included; some models look at several less closely than at one. Default 1. */
  readonly numImages?: number;
  /** Most pixels of a tile, for models that take images in their own shape; default: as many as the processor allows. */
  readonly maxPixels?: number;
}

/** Makes images ready for one model. */
export interface ImageProcessor {
  /** @throws PagemindError `image_too_large` or `invalid_image` for extreme shapes. */
  process(image: RgbImage, options?: ProcessOptions): ProcessedImage;
}

/** The grid of tiles, and where the view of the whole stands beside it. */
export type Grid = Pick<ProcessedImage, 'gridRows' | 'gridCols' | 'basePosition'>;

/** No grid: one view. */
export const ONE_VIEW: Grid = { gridRows: 0, gridCols: 0, basePosition: 'only' };

/** [3, 256]: the normalised value of every level of every channel. */
export type LevelTable = Float32Array;

/** 256 MiB of them. */
const MAX_VALUES = 2 ** 26;

/** Normalises views, which have one size, into the tiles of `original`. */
export function packTiles(
  original: RgbImage,
  views: readonly RgbImage[],
  levels: LevelTable,
  grid: Grid,
): ProcessedImage {
  const [{ width: tileWidth, height: tileHeight } = original] = views;
  const area = tileWidth * tileHeight;
  if (views.length * 3 * area > MAX_VALUES) {
    throw new PagemindError('invalid_config', `${views.length} tiles of ${tileWidth} × ${tileHeight} are too many.`, {
      hint: 'The sizes in preprocessor_config.json are beyond anything that runs here.',
    });
  }
  const tiles = new Float32Array(views.length * 3 * area);
  views.forEach((view, index) => {
    invariant(view.width === tileWidth && view.height === tileHeight, 'tiles have one size');
    for (let channel = 0; channel < 3; channel++) {
      let to = (3 * index + channel) * area;
      for (let from = channel; from < view.data.length; from += 3, to++) {
        tiles[to] = levels[256 * channel + (view.data[from] as number)] as number;
      }
    }
  });
  return {
    width: original.width,
    height: original.height,
    tiles,
    numTiles: views.length,
    tileWidth,
    tileHeight,
    ...grid,
  };
}
