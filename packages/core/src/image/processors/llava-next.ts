// LlavaNextImageProcessor ("anyres"): a small view of the whole, then the tiles of the picture fitted into the
// best of several resolutions.
import { place, resize, split } from '../arrange.js';
import type { RgbImage } from '../image.js';
import { type ImageProcessor, packTiles } from '../processed-image.js';
import { MAX_TILES, ProcessorConfig, type Settings } from '../processor-config.js';
import { bestResolution, type Resolution } from '../resolutions.js';
import { CLIP_DEFAULTS, clipView } from './clip.js';

const LLAVA_NEXT_DEFAULTS: Settings = {
  ...CLIP_DEFAULTS,
  image_grid_pinpoints: [
    [336, 672],
    [672, 336],
    [672, 672],
    [1008, 336],
    [336, 1008],
  ],
};

/** @param model config.json, which names the resolutions where the processor's own configuration does not. */
export function createLlavaNextProcessor(
  settings: Settings,
  model: Settings,
  defaults: Settings = LLAVA_NEXT_DEFAULTS,
): ImageProcessor {
  const pinpoints = settings['image_grid_pinpoints'] ?? model['image_grid_pinpoints'];
  const config = new ProcessorConfig({ ...settings, image_grid_pinpoints: pinpoints }, defaults);
  config.needs('do_resize');
  const view = clipView(config);
  const levels = config.levels();
  const filter = config.filter();
  const size = config.size('size');
  const base = 'width' in size ? size : { width: size.shortestEdge, height: size.shortestEdge };
  const side = config.get('crop_size') === undefined ? base.height : config.fixedSize('crop_size').height;
  const resolutions = readResolutions(config, side);
  return {
    process(image) {
      const target = bestResolution(image, resolutions);
      const { width, height } = target;
      const fitted = fitInto(image, target);
      const small = resize(image, fitted.width, fitted.height, filter);
      const left = Math.floor((width - fitted.width) / 2);
      const top = Math.floor((height - fitted.height) / 2);
      const tiles = split(place(small, left, top, width, height), side, side);
      const whole = resize(image, base.width, base.height, filter);
      return packTiles(image, [whole, ...tiles].map(view), levels, {
        gridRows: height / side,
        gridCols: width / side,
        basePosition: 'first',
      });
    },
  };
}

/** The list of [height, width], each a grid of square tiles. */
function readResolutions(config: ProcessorConfig, side: number): readonly Resolution[] {
  const key = 'image_grid_pinpoints';
  const value = config.get(key);
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  if (list.length === 0 || list.length > 1000) throw config.wrong(key, 'a list of [height, width]');
  const isWhole = (length: unknown): length is number => typeof length === 'number' && Number.isInteger(length / side);
  return list.map((pair) => {
    const [height, width] = Array.isArray(pair) && pair.length === 2 ? (pair as unknown[]) : [];
    if (!isWhole(height) || !isWhole(width) || height < side || width < side) {
      throw config.wrong(key, `made of multiples of ${side}`);
    }
    if ((height / side) * (width / side) > MAX_TILES) throw config.wrong(key, `of ${MAX_TILES} tiles or fewer`);
    return { width, height };
  });
}

/** The size of the picture with one side as long as the target's. */
function fitInto(image: RgbImage, { width, height }: Resolution): Resolution {
  const scaleX = width / image.width;
  const scaleY = height / image.height;
  return scaleX < scaleY
    ? { width, height: Math.min(Math.ceil(image.height * scaleX), height) }
    : { width: Math.min(Math.ceil(image.width * scaleY), width), height };
}
