// CLIPImageProcessor: one view, resized and cropped from the middle. SigLIP's and LLaVA's are variations of it.
import { centerCrop, resize } from '../arrange.js';
import type { RgbImage } from '../image.js';
import { type ImageProcessor, ONE_VIEW, packTiles } from '../processed-image.js';
import { ProcessorConfig, type Settings } from '../processor-config.js';

export const CLIP_DEFAULTS: Settings = {
  do_resize: true,
  size: { shortest_edge: 224 },
  resample: 3,
  do_center_crop: true,
  crop_size: { height: 224, width: 224 },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
};

export function createClipProcessor(settings: Settings, defaults: Settings = CLIP_DEFAULTS): ImageProcessor {
  const config = new ProcessorConfig(settings, defaults);
  const view = clipView(config);
  const levels = config.levels();
  return { process: (image) => packTiles(image, [view(image)], levels, ONE_VIEW) };
}

/** How a picture becomes a view: each step only if the configuration says so. */
export function clipView(config: ProcessorConfig): (image: RgbImage) => RgbImage {
  const size = config.flag('do_resize') ? config.size('size') : undefined;
  const crop = config.flag('do_center_crop') ? config.fixedSize('crop_size') : undefined;
  const filter = config.filter();
  return (image) => {
    const { width, height } = size ? targetSize(image, size) : image;
    const resized = resize(image, width, height, filter);
    return crop ? centerCrop(resized, crop.width, crop.height) : resized;
  };
}

function targetSize({ width, height }: RgbImage, size: ReturnType<ProcessorConfig['size']>): ImageSize {
  if ('width' in size) return size;
  const { shortestEdge } = size;
  return width <= height
    ? { width: shortestEdge, height: Math.trunc((shortestEdge * height) / width) }
    : { width: Math.trunc((shortestEdge * width) / height), height: shortestEdge };
}

type ImageSize = Pick<RgbImage, 'width' | 'height'>;
