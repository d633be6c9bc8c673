// DeepseekVLImageProcessor: the longer side resized to that of a square, the rest filled with the mean colour. That of the
// hybrid makes the larger square of its second tower first, and of that the smaller one.
import { padToSquare, resize } from '../arrange.js';
import type { RgbImage } from '../image.js';
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

/** The length of a side, when the longest becomes `side`. */
type ScaledLength = (length: number, longest: number, side: number) => number;

const rounded: ScaledLength = (length, longest, side) => roundHalfEven(length * (side / longest));
const cut: ScaledLength = (length, longest, side) => Math.trunc((length / longest) * side);

export function createDeepseekVlProcessor(settings: Settings): ImageProcessor {
  return createSingle(settings, rounded);
}

export function createDeepseekVlHybridProcessor(settings: Settings): ImageProcessor {
  return createHybrid(settings, rounded);
}

/** VLMImageProcessor, that of the authors, with the settings of one or the other: it cuts where they round. */
export function createVlmProcessor(settings: Settings): ImageProcessor {
  return (settings['high_res_size'] === undefined ? createSingle : createHybrid)(settings, cut);
}

function createSingle(settings: Settings, scaled: ScaledLength): ImageProcessor {
  const config = new ProcessorConfig(settings, DEEPSEEK_VL_DEFAULTS);
  const view = squareView(config, scaled);
  const levels = config.levels();
  return { process: (image) => packTiles(image, [view(image)], levels, ONE_VIEW) };
}

function createHybrid(settings: Settings, scaled: ScaledLength): ImageProcessor {
  const config = new ProcessorConfig(settings, DEEPSEEK_VL_DEFAULTS);
  const highRes = new ProcessorConfig(
    {
      ...settings,
      size: settings['high_res_size'],
      resample: settings['high_res_resample'],
      image_mean: settings['high_res_image_mean'],
      image_std: settings['high_res_image_std'],
    },
    { ...DEEPSEEK_VL_DEFAULTS, size: { height: 1024, width: 1024 } },
  );
  const [view, highResView] = [squareView(config, scaled), squareView(highRes, scaled)];
  const [levels, highResLevels] = [config.levels(), highRes.levels()];
  return {
    process(image) {
      const large = highResView(image);
      const { tiles } = packTiles(image, [large], highResLevels, ONE_VIEW);
      return { ...packTiles(image, [view(large)], levels, ONE_VIEW), highRes: tiles };
    },
  };
}

/** How a picture becomes a square. */
function squareView(config: ProcessorConfig, scaled: ScaledLength): (image: RgbImage) => RgbImage {
  config.needs('do_resize');
  config.needs('do_pad');
  const { width: side, height } = config.fixedSize('size');
  if (side !== height) throw config.wrong('size', 'a square');
  const minSide = config.count('min_size', side);
  const filter = config.filter();
  const background = config.background();
  return (image) => {
    const longest = Math.max(image.width, image.height);
    const length = (old: number): number => Math.max(scaled(old, longest, side), minSide);
    return padToSquare(resize(image, length(image.width), length(image.height), filter), background);
  };
}
