// Which image processor a checkpoint asks for. What each does is in processors/, one file per type.
import { PagemindError } from '../errors.js';
import type { ImageProcessor } from './processed-image.js';
import { ProcessorConfig, type Settings } from './processor-config.js';
import { createClipProcessor } from './processors/clip.js';
import {
  createDeepseekVlHybridProcessor,
  createDeepseekVlProcessor,
  createVlmProcessor,
} from './processors/deepseek-vl.js';
import { createGotOcr2Processor } from './processors/got-ocr2.js';
import { createIdefics3Processor } from './processors/idefics3.js';
import { createLlavaProcessor } from './processors/llava.js';
import { createLlavaNextProcessor } from './processors/llava-next.js';
import { createLlavaOnevisionProcessor } from './processors/llava-onevision.js';
import { createQwen2VlProcessor } from './processors/qwen2-vl.js';
import { createSiglipProcessor } from './processors/siglip.js';

/** By `image_processor_type` without its suffix. */
const PROCESSORS: Readonly<Record<string, (settings: Settings, model: Settings) => ImageProcessor>> = {
  CLIP: createClipOrLlavaProcessor,
  DeepseekVL: createDeepseekVlProcessor,
  DeepseekVLHybrid: createDeepseekVlHybridProcessor,
  GotOcr2: createGotOcr2Processor,
  Idefics3: createIdefics3Processor,
  Llava: (settings) => createLlavaProcessor(settings),
  LlavaNext: createLlavaNextProcessor,
  LlavaOnevision: createLlavaOnevisionProcessor,
  Qwen2VL: createQwen2VlProcessor,
  Qwen2_5_VL: createQwen2VlProcessor,
  Siglip: createSiglipProcessor,
  SmolVLM: createIdefics3Processor,
  VLM: createVlmProcessor,
};

/**
 * The processor of a checkpoint.
 * @param preprocessorConfig preprocessor_config.json
 * @param modelConfig config.json, where older checkpoints of LLaVA say how images are cut
 * @throws PagemindError `invalid_config` or `unsupported_model`.
 */
export function createImageProcessor(preprocessorConfig: Settings, modelConfig: Settings = {}): ImageProcessor {
  const type = preprocessorConfig['image_processor_type'] ?? preprocessorConfig['feature_extractor_type'];
  const name = typeof type === 'string' ? type.replace(/(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, '') : '';
  const create = Object.hasOwn(PROCESSORS, name) ? PROCESSORS[name] : undefined;
  if (!create) {
    const found = typeof type === 'string' ? `the image processor ${type.slice(0, 60)}` : 'no image processor';
    throw new PagemindError('unsupported_model', `preprocessor_config.json names ${found}.`, {
      hint: `Known are ${Object.keys(PROCESSORS).join(', ')}, each followed by ImageProcessor.`,
    });
  }
  return create(preprocessorConfig, modelConfig);
}

/** LLaVA's first checkpoints name CLIP's processor, and in config.json what is done to images before it. */
function createClipOrLlavaProcessor(settings: Settings, model: Settings): ImageProcessor {
  const ratio = model['image_aspect_ratio'] ?? 'square';
  switch (ratio) {
    case 'square':
      return createClipProcessor(settings);
    case 'pad':
      return createLlavaProcessor({ ...settings, do_pad: true });
    case 'anyres':
      return createLlavaNextProcessor(settings, model);
    default:
      throw new ProcessorConfig(model, {}, 'config.json').wrong('image_aspect_ratio', 'square, pad or anyres');
  }
}
