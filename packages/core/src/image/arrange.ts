// Cutting, padding and resizing of RGB images, bounded in memory. What a model wants of them is the processors' business.
import { PagemindError } from '../errors.js';
import type { RgbImage } from './image.js';
import { type ResampleFilter, resample } from './resample.js';

/** A colour, or one channel after another of anything. */
export type Rgb = readonly [red: number, green: number, blue: number];

const BLACK: Rgb = [0, 0, 0];

/** Pixels of the largest picture made on the way: a strip one pixel high must not become a square. */
const MAX_WORK_PIXELS = 128 * 2 ** 20;

/**
 * A canvas of the given size and colour with the image's corner at (`left`, `top`); what hangs over is cut off. Crops
 * and pads.
 */
export function place(
  image: RgbImage,
  left: number,
  top: number,
  width: number,
  height: number,
  color: Rgb = BLACK,
): RgbImage {
  if (left === 0 && top === 0 && width === image.width && height === image.height) return image;
  checkWork(image, width, height);
  const data = new Uint8Array(3 * width * height);
  if (color.some((channel) => channel !== 0)) for (let i = 0; i < data.length; i += 3) data.set(color, i);
  const firstColumn = Math.max(0, left);
  const endColumn = Math.min(width, left + image.width);
  const endRow = Math.min(height, top + image.height);
  if (firstColumn >= endColumn) return { width, height, data };
  for (let row = Math.max(0, top); row < endRow; row++) {
    const from = (row - top) * image.width - left;
    data.set(image.data.subarray(3 * (from + firstColumn), 3 * (from + endColumn)), 3 * (row * width + firstColumn));
  }
  return { width, height, data };
}

/** The middle of the image in the given size, with black around it where it is smaller. */
export function centerCrop(image: RgbImage, width: number, height: number): RgbImage {
  return place(image, -Math.floor((image.width - width) / 2), -Math.floor((image.height - height) / 2), width, height);
}

/** The image in the middle of the smallest square around it. */
export function padToSquare(image: RgbImage, color: Rgb): RgbImage {
  const side = Math.max(image.width, image.height);
  return place(image, Math.floor((side - image.width) / 2), Math.floor((side - image.height) / 2), side, side, color);
}

/** Cut into tiles of the given size, row by row; the image's sides are multiples of the tile's. */
export function split(image: RgbImage, tileWidth: number, tileHeight: number): RgbImage[] {
  const tiles: RgbImage[] = [];
  for (let top = 0; top < image.height; top += tileHeight) {
    for (let left = 0; left < image.width; left += tileWidth) {
      tiles.push(place(image, -left, -top, tileWidth, tileHeight));
    }
  }
  return tiles;
}

/** The image in another size. */
export function resize(image: RgbImage, width: number, height: number, filter: ResampleFilter): RgbImage {
  checkWork(image, width, Math.max(height, image.height)); // rows are resized before columns
  return resample(image, width, height, filter);
}

function checkWork(image: RgbImage, width: number, height: number): void {
  if (width * height <= MAX_WORK_PIXELS) return;
  throw new PagemindError(
    'image_too_large',
    `An image of ${image.width} × ${image.height} would become ${width} × ${height} on its way to the model.`,
    { hint: 'Cut it into parts that are not so long and narrow.' },
  );
}
