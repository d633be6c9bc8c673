// InternVL as its authors store it: `llm_config` beside `vision_config`, queries, keys and values of the tower in one tensor,
// tiles chosen by keys of config.json. The keys become those of transformers, and the family that reads them does the rest.
import { PagemindError } from '../../../errors.js';
import type { Settings } from '../../../image/processor-config.js';
import { RawConfig } from '../../raw-config.js';
import type { VlmConfig, VlmFamily } from '../vlm-config.js';
import { internvl } from './internvl.js';

/** More tiles than these are never made of an image, whatever config.json allows. */
const MAX_PATCHES = 12;

function readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig {
  const vision = raw.object('vision_config') ?? raw;
  if (raw.text('ps_version', 'v1') !== 'v2') refuse('its blocks of patches are transposed (ps_version v1)');
  raw.only('pad2square', false);
  const imageSize = vision.count('image_size', 224);
  if (raw.count('force_image_size', imageSize) !== imageSize) refuse('its tiles are not as large as its positions say');
  const renamed = new RawConfig({
    vision_config: {
      // Missing keys have the values of the authors' config class, which are those of the 6B tower.
      ...{ model_type: 'internvl_vision', image_size: imageSize, patch_size: vision.count('patch_size', 14) },
      hidden_size: vision.count('hidden_size', 3200),
      intermediate_size: vision.count('intermediate_size', 12800),
      num_hidden_layers: vision.count('num_hidden_layers', 48),
      num_attention_heads: vision.count('num_attention_heads', 25),
      hidden_act: vision.text('hidden_act', 'gelu'),
      norm_type: vision.text('norm_type', 'rms_norm'),
      layer_norm_eps: vision.positive('layer_norm_eps', 1e-6),
      attention_bias: vision.flag('qkv_bias', false),
      use_qk_norm: vision.flag('qk_normalization', true),
    },
    // The tokenizer says below.
    image_token_id: 0,
    downsample_ratio: raw.get('downsample_ratio'),
    vision_feature_layer: raw.get('select_layer'),
  });
  const config = internvl.readConfig(renamed, decoderHiddenSize);
  return {
    ...config,
    imageTokenId: { text: '<IMG_CONTEXT>' },
    tower: { ...config.tower, hasFusedQkv: true },
    processor: (own) => tiled(raw, own, imageSize),
  };
}

/** The file describes how one tile is made; the authors' code cuts images before. */
function tiled(raw: RawConfig, own: Settings, imageSize: number): Settings {
  const isTiled = raw.flag('dynamic_image_size', false);
  if (isTiled) raw.only('use_thumbnail', true);
  return {
    ...{ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225], ...own },
    image_processor_type: 'GotOcr2ImageProcessor',
    size: { height: imageSize, width: imageSize },
    crop_to_patches: isTiled,
    min_patches: raw.count('min_dynamic_patch', 1, MAX_PATCHES),
    max_patches: Math.min(raw.count('max_dynamic_patch', MAX_PATCHES), MAX_PATCHES),
  };
}

function refuse(why: string): never {
  throw new PagemindError('unsupported_model', `This InternVL cannot run here: ${why}.`, {
    hint: 'InternVL 2, 2.5 and 3 with the tower of 300M parameters run.',
  });
}

export const internvlChat: VlmFamily = {
  modelType: 'internvl_chat',
  architectures: ['InternVLChatModel'],
  textKey: 'llm_config',
  renames: [
    [/^vision_model\.embeddings\.position_embedding$/, 'vision.embeddings.position_embedding.weight'],
    [/^vision_model\.encoder\.layers\.(\d+)\.norm([12])\./, 'vision.encoder.layers.$1.layer_norm$2.'],
    [/^vision_model\.encoder\.layers\.(\d+)\.ls([12])$/, 'vision.encoder.layers.$1.lambda_$2'],
    [/^vision_model\.encoder\.layers\.(\d+)\.attn\.proj\./, 'vision.encoder.layers.$1.self_attn.out_proj.'],
    [/^vision_model\.encoder\.layers\.(\d+)\.attn\./, 'vision.encoder.layers.$1.self_attn.'],
    [/^vision_model\./, 'vision.'],
    [/^mlp1\.0\./, 'projector.layer_norm.'],
    [/^mlp1\.1\./, 'projector.linear_1.'],
    [/^mlp1\.3\./, 'projector.linear_2.'],
    [/^language_model\./, ''],
  ],
  ignored: internvl.ignored,
  example: {
    model: 'OpenGVLab/InternVL2_5-1B',
    config: {
      llm_config: {
        ...{ model_type: 'qwen2', hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24 },
        ...{ vocab_size: 151674, num_attention_heads: 14, num_key_value_heads: 2, tie_word_embeddings: false },
      },
      vision_config: {
        ...{ image_size: 448, patch_size: 14, hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24 },
        ...{ num_attention_heads: 16, norm_type: 'layer_norm', qkv_bias: true, qk_normalization: false },
      },
      ps_version: 'v2',
    },
  },
  readConfig,
};
