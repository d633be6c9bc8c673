// SiglipImageProcessor: one view of a fixed size, the aspect ratio given up.
import type { ImageProcessor } from '../processed-image.js';
import type { Settings } from '../processor-config.js';
import { createClipProcessor } from './clip.js';

const SIGLIP_DEFAULTS: Settings = {
  do_resize: true,
  size: { height: 224, width: 224 },
  resample: 3,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

export function createSiglipProcessor(settings: Settings): ImageProcessor {
  return createClipProcessor(settings, SIGLIP_DEFAULTS);
}
