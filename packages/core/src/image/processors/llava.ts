// LlavaImageProcessor: CLIP's, after the picture was made square by borders of the mean colour.
import { padToSquare } from '../arrange.js';
import { type ImageProcessor, ONE_VIEW, packTiles } from '../processed-image.js';
import { ProcessorConfig, type Settings } from '../processor-config.js';
import { CLIP_DEFAULTS, clipView } from './clip.js';

export function createLlavaProcessor(settings: Settings, defaults: Settings = CLIP_DEFAULTS): ImageProcessor {
  const config = new ProcessorConfig(settings, defaults);
  const view = clipView(config);
  const levels = config.levels();
  const background = config.flag('do_pad') ? config.background() : undefined;
  return {
    process: (image) => packTiles(image, [view(background ? padToSquare(image, background) : image)], levels, ONE_VIEW),
  };
}
