// LlavaOnevisionImageProcessor: LLaVA-NeXT's with tiles that are not cropped and many more resolutions, for an image that
// is alone. Several in a prompt get one view each, made square by borders of the mean colour.
import type { ImageProcessor } from '../processed-image.js';
import type { Settings } from '../processor-config.js';
import { CLIP_DEFAULTS } from './clip.js';
import { createLlavaProcessor } from './llava.js';
import { createLlavaNextProcessor } from './llava-next.js';

const SIDES = [384, 768, 1152, 1536, 1920, 2304];

const LLAVA_ONEVISION_DEFAULTS: Settings = {
  ...CLIP_DEFAULTS,
  size: { height: 384, width: 384 },
  do_center_crop: false,
  crop_size: undefined,
  image_grid_pinpoints: SIDES.flatMap((height) => SIDES.map((width) => [height, width])),
};

export function createLlavaOnevisionProcessor(settings: Settings, model: Settings): ImageProcessor {
  const tiled = createLlavaNextProcessor(settings, model, LLAVA_ONEVISION_DEFAULTS);
  const single = createLlavaProcessor({ ...settings, do_pad: true }, LLAVA_ONEVISION_DEFAULTS);
  return { process: (image, options) => ((options?.numImages ?? 1) > 1 ? single : tiled).process(image) };
}
