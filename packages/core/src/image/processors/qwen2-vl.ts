// Qwen2VLImageProcessor: the picture in its own shape, its sides multiples of a merged patch, its area between bounds.
// Cutting it into patches is the model family's work.
import { PagemindError } from '../../errors.js';
import { resize } from '../arrange.js';
import type { RgbImage } from '../image.js';
import { type ImageProcessor, ONE_VIEW, packTiles } from '../processed-image.js';
import { ProcessorConfig, type Settings } from '../processor-config.js';
import { roundHalfEven } from '../round.js';
import { CLIP_DEFAULTS } from './clip.js';

const QWEN2_VL_DEFAULTS: Settings = {
  ...CLIP_DEFAULTS,
  size: { shortest_edge: 56 * 56, longest_edge: 28 * 28 * 1280 },
  patch_size: 14,
  merge_size: 2,
};

const MAX_PIXELS = 2 ** 26;
const MAX_RATIO = 200;

interface Bounds {
  /** Sides are multiples of it. */
  readonly factor: number;
  readonly minPixels: number;
  readonly maxPixels: number;
}

export function createQwen2VlProcessor(settings: Settings): ImageProcessor {
  const config = new ProcessorConfig(settings, QWEN2_VL_DEFAULTS);
  config.needs('do_resize');
  const filter = config.filter();
  const levels = config.levels();
  const area = (key: string, edge: string): number =>
    settings[key] === undefined ? config.edge('size', edge, MAX_PIXELS) : config.count(key, MAX_PIXELS);
  const bounds: Bounds = {
    factor: config.count('patch_size', 256) * config.count('merge_size', 16),
    minPixels: area('min_pixels', 'shortest_edge'), // areas, in spite of their names
    maxPixels: area('max_pixels', 'longest_edge'),
  };
  return {
    process(image, { maxPixels = bounds.maxPixels } = {}) {
      const { width, height } = smartSize(image, { ...bounds, maxPixels: Math.min(bounds.maxPixels, maxPixels) });
      return packTiles(image, [resize(image, width, height, filter)], levels, ONE_VIEW);
    },
  };
}

function smartSize(
  { width, height }: RgbImage,
  { factor, minPixels, maxPixels }: Bounds,
): Pick<RgbImage, 'width' | 'height'> {
  if (Math.max(width, height) / Math.min(width, height) > MAX_RATIO) {
    throw new PagemindError('invalid_image', `An image of ${width} × ${height} is too narrow for this model.`, {
      hint: `Cut it: one side may be ${MAX_RATIO} times as long as the other.`,
    });
  }
  const plain = {
    width: roundHalfEven(width / factor) * factor,
    height: roundHalfEven(height / factor) * factor,
  };
  if (plain.width * plain.height > maxPixels) {
    const shrink = Math.sqrt((height * width) / maxPixels);
    const side = (length: number): number => Math.max(factor, Math.floor(length / shrink / factor) * factor);
    return { width: side(width), height: side(height) };
  }
  if (plain.width * plain.height < minPixels) {
    const grow = Math.sqrt(minPixels / (height * width));
    const side = (length: number): number => Math.ceil((length * grow) / factor) * factor;
    return { width: side(width), height: side(height) };
  }
  return plain;
}
