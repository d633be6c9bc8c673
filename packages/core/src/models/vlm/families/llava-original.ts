// LLaVA 1.0 to 1.6, LLaVA-OneVision and Yi-VL as their authors store them: the decoder's config with keys of the vision side
// beside its own, the tower under its name alone. The keys become those of transformers, whose families do the rest.
import { PagemindError } from '../../../errors.js';
import { RawConfig } from '../../raw-config.js';
import { knownTower } from '../../vision/known-towers.js';
import type { VlmConfig, VlmFamily } from '../vlm-config.js';
import { llava } from './llava.js';
import { llavaNext, llavaOnevision } from './llava-next.js';

/** `<unk>`, which no text becomes: the authors' code puts rows where the text says `<image>`, and has no id for them. */
const UNKNOWN_TOKEN = 0;

/** The first id that the tokenizer of Qwen2 leaves free. LLaVA-OneVision's config names it. */
const FREE_QWEN_TOKEN = 151646;

/** @param imageToken where config.json names none */
function readConfig(raw: RawConfig, decoderHiddenSize: number, imageToken: number): VlmConfig {
  const towerName = raw.text('mm_vision_tower');
  const tower = knownTower(towerName);
  const vision = raw.object('vision_config') ?? (tower && new RawConfig(tower.config));
  if (!vision) {
    throw unsupported(
      `its vision tower '${towerName.slice(0, 80)}' is not known, and no folder of that name says more`,
    );
  }
  if ((raw.get('mm_resampler_type') ?? undefined) !== undefined) unsupportedKey(raw, 'mm_resampler_type');
  const { family, type } = cuttingOf(raw, vision.text('model_type') === 'siglip_vision_model');
  const pinpoints = heightFirst(raw.get('image_grid_pinpoints'));
  const renamed = new RawConfig({
    vision_config: raw.get('vision_config') ?? tower?.config,
    image_token_index: raw.get('image_token_index') ?? imageToken,
    vision_feature_layer: raw.get('mm_vision_select_layer'),
    vision_feature_select_strategy: raw.text('mm_vision_select_feature', 'patch') === 'patch' ? 'default' : 'full',
    vision_aspect_ratio: raw.get('image_aspect_ratio'),
    image_grid_pinpoints: pinpoints,
  });
  const config = family.readConfig(renamed, decoderHiddenSize);
  const processor = { ...tower?.processor, ...(family !== llava && { image_grid_pinpoints: pinpoints }) };
  return {
    ...config,
    projector: projectorOf(raw, config),
    processor: (own) => ({ ...processor, ...own, ...(type && { image_processor_type: type }) }),
    ...(raw.flag('mm_use_im_start_end', false) && { promptText: markedText }),
  };
}

/** The family that cuts and lays out images alike; the type of its processor, where that of the tower does not do so. */
function cuttingOf(raw: RawConfig, isSiglip: boolean): { readonly family: VlmFamily; readonly type?: string } {
  const ratio = raw.text('image_aspect_ratio', 'square');
  if (ratio.startsWith('anyres') && raw.text('mm_patch_merge_type', 'flat') !== 'spatial_unpad')
    unsupportedKey(raw, 'mm_patch_merge_type');
  const type = 'LlavaOnevisionImageProcessor';
  // CLIP's processor looks at `image_aspect_ratio` itself.
  if (ratio === 'anyres') return { family: llavaNext, ...(isSiglip && { type }) };
  if (isSiglip && /^anyres_max_[1-9]\d{0,3}$/.test(ratio)) return { family: llavaOnevision, type };
  if (ratio !== 'square' && (isSiglip || ratio !== 'pad')) unsupportedKey(raw, 'image_aspect_ratio');
  return { family: llava };
}

function projectorOf(raw: RawConfig, { projector, tower }: VlmConfig): VlmConfig['projector'] {
  switch (raw.text('mm_projector_type', 'linear')) {
    case 'mlp2x_gelu':
      return projector;
    case 'mlp2x_gelu_Norm':
      return projector.map((layer, i) => ({ ...layer, norm: { name: `projector.norm_${i + 1}`, epsilon: 1e-5 } }));
    case 'linear':
      return projector.slice(-1).map((layer) => ({ ...layer, name: 'projector.linear', numInputs: tower.hiddenSize }));
    default:
      return unsupportedKey(raw, 'mm_projector_type');
  }
}

/** `mm_use_im_start_end` */
function markedText(_tiles: unknown, marker: string, numRows: number): string {
  return `<im_start>${marker.repeat(numRows)}<im_end>`;
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
    // Of one layer, of two, and of two with norms behind them.
    [/^model\.mm_projector\.(weight|bias)$/, 'projector.linear.$1'],
    [/^model\.mm_projector\.0\./, 'projector.linear_1.'],
    [/^model\.mm_projector\.1\./, 'projector.norm_1.'],
    [/^model\.mm_projector\.[23]\./, 'projector.linear_2.'],
    [/^model\.mm_projector\.4\./, 'projector.norm_2.'],
    [/^model\.image_newline$/, 'newline'],
  ],
  ignored: llava.ignored,
  towerFolder: (raw) => {
    const name = raw.text('mm_vision_tower');
    const isDescribed = raw.get('vision_config') !== undefined || knownTower(name) !== undefined;
    return { path: name.replace(/^\.\//, ''), isDescribed, stem: 'model.vision_tower.vision_tower.' };
  },
  example: {
    model: 'liuhaotian/llava-v1.6-vicuna-7b',
    config: {
      ...{ vocab_size: 32000, image_aspect_ratio: 'anyres', mm_patch_merge_type: 'spatial_unpad' },
      ...{ mm_projector_type: 'mlp2x_gelu', mm_vision_tower: 'openai/clip-vit-large-patch14-336' },
      image_grid_pinpoints: [[672, 672]],
    },
  },
  readConfig: (raw, decoderHiddenSize) => readConfig(raw, decoderHiddenSize, UNKNOWN_TOKEN),
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

export const llavaQwen: VlmFamily = {
  ...llavaLlama,
  modelType: 'llava_qwen',
  architectures: ['LlavaQwenForCausalLM'],
  decoderType: 'qwen2',
  imageToken: (raw) => ({ id: raw.ids('image_token_index')[0] ?? FREE_QWEN_TOKEN, content: '<image>' }),
  example: {
    model: 'lmms-lab/llava-onevision-qwen2-0.5b-ov',
    config: {
      ...{ hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24, vocab_size: 151936 },
      ...{ num_attention_heads: 14, num_key_value_heads: 2, tie_word_embeddings: true },
      ...{ image_aspect_ratio: 'anyres_max_9', mm_patch_merge_type: 'spatial_unpad' },
      ...{ mm_projector_type: 'mlp2x_gelu', mm_vision_tower: 'google/siglip-so400m-patch14-384' },
      image_grid_pinpoints: [[2304, 2304]],
    },
  },
  readConfig: (raw, decoderHiddenSize) => readConfig(raw, decoderHiddenSize, FREE_QWEN_TOKEN),
};
