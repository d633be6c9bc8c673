// Idefics3ImageProcessor and SmolVLMImageProcessor: the picture in multiples of a tile, cut up, then a view of the
// whole; or, without splitting, that view alone.
import { resize, split } from '../arrange.js';
import { type ImageProcessor, ONE_VIEW, packTiles } from '../processed-image.js';
import { MAX_TILES, ProcessorConfig, type Settings } from '../processor-config.js';

interface Size {
  readonly width: number;
  readonly height: number;
}

const IDEFICS3_DEFAULTS: Settings = {
  do_resize: true,
  size: { longest_edge: 4 * 364 },
  max_image_size: { longest_edge: 364 },
  resample: 1,
  do_image_splitting: true,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

/** No picture gets longer, whatever the configuration says. */
const MAX_EDGE = 4096;

export function createIdefics3Processor(settings: Settings): ImageProcessor {
  const config = new ProcessorConfig(settings, IDEFICS3_DEFAULTS);
  config.needs('do_resize');
  const filter = config.filter();
  const levels = config.levels();
  const splits = config.flag('do_image_splitting');
  const edge = config.edge('size', 'longest_edge');
  const tile = config.edge('max_image_size', 'longest_edge');
  const longest = Math.min(edge + (edge % 2), MAX_EDGE);
  if (splits && Math.ceil(longest / tile) ** 2 > MAX_TILES) {
    throw config.wrong('size', `of ${MAX_TILES} tiles of ${tile} × ${tile} or fewer`);
  }
  return {
    process(image) {
      const { width, height } = boundedSize(scaledSize(image, edge));
      const scaled = resize(image, width, height, filter);
      if (!splits) return packTiles(image, [resize(scaled, tile, tile, filter)], levels, ONE_VIEW);
      const whole = wholeTiles(scaled, tile);
      const tiled = resize(scaled, whole.width, whole.height, filter);
      const tiles = split(tiled, tile, tile);
      if (tiles.length === 1) return packTiles(image, tiles, levels, ONE_VIEW);
      return packTiles(image, [...tiles, resize(tiled, tile, tile, filter)], levels, {
        gridRows: tiled.height / tile,
        gridCols: tiled.width / tile,
        basePosition: 'last',
      });
    },
  };
}

/** The longer side becomes `edge`, the shorter one even. */
function scaledSize({ width, height }: Size, edge: number): Size {
  const ratio = width / height;
  const even = (length: number): number => Math.max(1, Math.trunc(length) + (Math.trunc(length) % 2));
  return width >= height ? { width: edge, height: even(edge / ratio) } : { width: even(edge * ratio), height: edge };
}

function boundedSize({ width, height }: Size): Size {
  const ratio = width / height;
  if (width >= height && width > MAX_EDGE) {
    return { width: MAX_EDGE, height: Math.max(1, Math.trunc(MAX_EDGE / ratio)) };
  }
  return height > MAX_EDGE ? { width: Math.max(1, Math.trunc(MAX_EDGE * ratio)), height: MAX_EDGE } : { width, height };
}

/** The longer side in whole tiles, then the shorter one, as the first makes it, too. */
function wholeTiles({ width, height }: Size, tile: number): Size {
  const ratio = width / height;
  const whole = (length: number): number => Math.ceil(length / tile) * tile;
  return width >= height
    ? { width: whole(width), height: whole(Math.trunc(whole(width) / ratio)) }
    : { width: whole(Math.trunc(whole(height) * ratio)), height: whole(height) };
}
