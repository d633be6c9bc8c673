// DeepseekVLImageProcessor: the longer side resized to that of a square, the rest filled with the mean colour.
import { padToSquare, resize } from '../arrange.js';
import { type ImageProcessor, ONE_VIEW, packTiles } from '../processed-image.js';
import { ProcessorConfig, type Settings } from '../processor-config.js';
import { roundHalfEven } from '../round.js';
import { CLIP_DEFAULTS } from './clip.js';

const DEEPSEEK_VL_DEFAULTS: Settings = {
  ...CLIP_DEFAULTS,
  size: { height: 384, width: 384 },
  min_size: 14,
  do_pad: true,
};

export function createDeepseekVlProcessor(settings: Settings): ImageProcessor {
  const config = new ProcessorConfig(settings, DEEPSEEK_VL_DEFAULTS);
  config.needs('do_resize');
  config.needs('do_pad');
  const { width: side, height } = config.fixedSize('size');
  if (side !== height) throw config.wrong('size', 'a square');
  const minSide = config.count('min_size', side);
  const filter = config.filter();
  const levels = config.levels();
  const background = config.background();
  return {
    process(image) {
      const scale = side / Math.max(image.width, image.height);
      const length = (old: number): number => Math.max(roundHalfEven(old * scale), minSide);
      const resized = resize(image, length(image.width), length(image.height), filter);
      return packTiles(image, [padToSquare(resized, background)], levels, ONE_VIEW);
    },
  };
}
