// LLaVA 1.5 and 1.6 as their authors store them: the decoder's config with keys of the vision side beside its own, the tower
// under its name alone. The keys become those of transformers, and the families that read them do the rest.
import { PagemindError } from '../../../errors.js';
import { RawConfig } from '../../raw-config.js';
import { knownTower } from '../../vision/known-towers.js';
import type { VlmConfig, VlmFamily } from '../vlm-config.js';
import { llava } from './llava.js';
import { llavaNext } from './llava-next.js';

/** `<unk>`, which no text becomes: the authors' code puts rows where the text says `<image>`, and has no id for them. */
const UNKNOWN_TOKEN = 0;

function readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig {
  const towerName = raw.text('mm_vision_tower');
  const tower = knownTower(towerName);
  const vision = raw.get('vision_config') ?? tower?.config;
  if (!vision) {
    throw unsupported(
      `its vision tower '${towerName.slice(0, 80)}' is not known, and no folder of that name says more`,
    );
  }
  if (raw.text('mm_projector_type', 'linear') !== 'mlp2x_gelu') unsupportedKey(raw, 'mm_projector_type');
  if ((raw.get('mm_resampler_type') ?? undefined) !== undefined) unsupportedKey(raw, 'mm_resampler_type');
  raw.only('mm_use_im_start_end', false);
  const isAnyres = raw.text('image_aspect_ratio', 'square') === 'anyres';
  if (isAnyres && raw.text('mm_patch_merge_type', 'flat') !== 'spatial_unpad')
    unsupportedKey(raw, 'mm_patch_merge_type');
  const pinpoints = heightFirst(raw.get('image_grid_pinpoints'));
  const renamed = new RawConfig({
    vision_config: vision,
    image_token_index: raw.get('image_token_index') ?? UNKNOWN_TOKEN,
    vision_feature_layer: raw.get('mm_vision_select_layer'),
    vision_feature_select_strategy: raw.text('mm_vision_select_feature', 'patch') === 'patch' ? 'default' : 'full',
    image_grid_pinpoints: pinpoints,
  });
  const config = (isAnyres ? llavaNext : llava).readConfig(renamed, decoderHiddenSize);
  const processor = { ...tower?.processor, ...(isAnyres && { image_grid_pinpoints: pinpoints }) };
  return { ...config, processor: (own) => ({ ...processor, ...own }) };
}

/** The authors have pairs of width and height, transformers of height and width. */
function heightFirst(pinpoints: unknown): unknown {
  return Array.isArray(pinpoints)
    ? pinpoints.map((pair: unknown) => (Array.isArray(pair) ? pair.toReversed() : pair))
    : pinpoints;
}

function unsupportedKey(raw: RawConfig, key: string): never {
  throw unsupported(`its ${key} is ${JSON.stringify(raw.get(key))?.slice(0, 40)}`);
}

function unsupported(why: string): PagemindError {
  return new PagemindError('unsupported_model', `This LLaVA cannot run here: ${why}.`, {
    hint: 'Load it as transformers stores it, e.g. llava-hf/llava-1.5-7b-hf.',
  });
}

export const llavaLlama: VlmFamily = {
  modelType: 'llava_llama',
  architectures: ['LlavaLlamaForCausalLM'],
  decoderType: 'llama',
  renames: [
    [/^model\.vision_tower\.vision_tower\.vision_model\./, 'vision.'],
    [/^model\.mm_projector\.0\./, 'projector.linear_1.'],
    [/^model\.mm_projector\.2\./, 'projector.linear_2.'],
    [/^model\.image_newline$/, 'newline'],
  ],
  ignored: llava.ignored,
  towerFolder: (raw) => {
    const name = raw.text('mm_vision_tower');
    return raw.get('vision_config') || knownTower(name) ? undefined : name;
  },
  example: {
    model: 'liuhaotian/llava-v1.6-vicuna-7b',
    config: {
      ...{ vocab_size: 32000, image_aspect_ratio: 'anyres', mm_patch_merge_type: 'spatial_unpad' },
      ...{ mm_projector_type: 'mlp2x_gelu', mm_vision_tower: 'openai/clip-vit-large-patch14-336' },
      image_grid_pinpoints: [[672, 672]],
    },
  },
  readConfig,
};

export const llavaMistral: VlmFamily = {
  ...llavaLlama,
  modelType: 'llava_mistral',
  architectures: ['LlavaMistralForCausalLM'],
  decoderType: 'mistral',
  example: {
    model: 'liuhaotian/llava-v1.6-mistral-7b',
    config: { ...llavaLlama.example?.config, intermediate_size: 14336 },
  },
};
