// GotOcr2ImageProcessor, InternVL's too: the picture stretched over the grid of tiles that is closest to its shape, then
// a view of the whole.
import { resize, split } from '../arrange.js';
import type { RgbImage } from '../image.js';
import { type ImageProcessor, ONE_VIEW, packTiles } from '../processed-image.js';
import { MAX_TILES, ProcessorConfig, type Settings } from '../processor-config.js';
import { CLIP_DEFAULTS } from './clip.js';

interface Arrangement {
  readonly cols: number;
  readonly rows: number;
}

const GOT_OCR2_DEFAULTS: Settings = {
  ...CLIP_DEFAULTS,
  size: { height: 384, width: 384 },
  crop_to_patches: false,
  min_patches: 1,
  max_patches: 12,
};

export function createGotOcr2Processor(settings: Settings): ImageProcessor {
  const config = new ProcessorConfig(settings, GOT_OCR2_DEFAULTS);
  config.needs('do_resize');
  const { width, height } = config.fixedSize('size');
  const filter = config.filter();
  const levels = config.levels();
  const maxTiles = config.count('max_patches', MAX_TILES);
  const arrangements = config.flag('crop_to_patches')
    ? allArrangements(config.count('min_patches', maxTiles), maxTiles)
    : [];
  return {
    process(image) {
      const { cols, rows } = closest(image, width * height, arrangements);
      const tiles = split(resize(image, cols * width, rows * height, filter), width, height);
      if (tiles.length === 1) return packTiles(image, tiles, levels, ONE_VIEW);
      return packTiles(image, [...tiles, resize(image, width, height, filter)], levels, {
        gridRows: rows,
        gridCols: cols,
        basePosition: 'last',
      });
    },
  };
}

/** From few tiles to many; narrow ones first among equals. */
function allArrangements(minTiles: number, maxTiles: number): readonly Arrangement[] {
  const sides = Array.from({ length: maxTiles }, (_, i) => i + 1);
  return sides
    .flatMap((cols) => sides.map((rows) => ({ cols, rows })))
    .filter(({ cols, rows }) => cols * rows >= minTiles && cols * rows <= maxTiles)
    .sort((a, b) => a.cols * a.rows - b.cols * b.rows);
}

/** Of two with the same shape the larger one, if the picture has pixels for half of it. */
function closest(image: RgbImage, tileArea: number, arrangements: readonly Arrangement[]): Arrangement {
  const ratio = image.width / image.height;
  let best: Arrangement = { cols: 1, rows: 1 };
  let leastError = Number.POSITIVE_INFINITY;
  for (const arrangement of arrangements) {
    const { cols, rows } = arrangement;
    const error = Math.abs(ratio - cols / rows);
    const isFilled = image.width * image.height > 0.5 * tileArea * cols * rows;
    if (error < leastError || (error === leastError && isFilled)) best = arrangement;
    leastError = Math.min(error, leastError);
  }
  return best;
}
