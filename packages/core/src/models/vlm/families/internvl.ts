// InternVL as transformers stores it: a tower with layer scale, blocks of patches side by side (pixel shuffle) under a norm,
// two linear layers, and an image in tiles, the view of the whole behind them.
import { PagemindError } from '../../../errors.js';
import type { RawConfig } from '../../raw-config.js';
import { readVisionConfig } from '../../vision/towers.js';
import { patchesPerSide, readActivation, type VisionConfig } from '../../vision/vision-config.js';
import { placeInOrder, rowsPerTile, type VlmConfig, type VlmFamily } from '../vlm-config.js';
import { readFeatureLayer, readImageToken, UNUSED_VISION } from './llava.js';

/** Tiles of the largest image that published processors make: 12 and the whole view. */
const MAX_TILES = 13;

function readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig {
  const tower = readTower(raw);
  const pixelShuffle = 1 / raw.positive('downsample_ratio', 0.5);
  if (!Number.isInteger(pixelShuffle) || patchesPerSide(tower) % pixelShuffle !== 0) {
    throw new PagemindError('invalid_config', `downsample_ratio 1/${pixelShuffle} does not divide a tile's patches.`, {
      hint: 'Download the checkpoint again, or report it if the original file says so too.',
    });
  }
  const layer = { numOutputs: decoderHiddenSize, hasBias: true };
  const activation = readActivation(raw.text('projector_hidden_act', 'gelu'));
  const numInputs = tower.hiddenSize * pixelShuffle ** 2;
  const shared = { tower, keepsClassToken: false, pixelShuffle };
  const perTile = rowsPerTile(shared);
  return {
    ...shared,
    imageTokenId: readImageToken(raw),
    projectorNorm: { name: 'projector.layer_norm', epsilon: 1e-5 },
    projector: [
      { ...layer, name: 'projector.linear_1', numInputs, activation },
      { ...layer, name: 'projector.linear_2', numInputs: decoderHiddenSize, activation: undefined },
    ],
    hasNewline: false,
    maxRows: MAX_TILES * perTile,
    maxTaps: 1,
    place: ({ numTiles }) => placeInOrder(numTiles * perTile),
    gridOf: () => ({ rows: 0, cols: 0 }),
    promptText: (_tiles, marker, numRows) => `<img>${marker.repeat(numRows)}</img>`,
  };
}

function readTower(raw: RawConfig): VisionConfig {
  const vision = raw.object('vision_config') ?? raw;
  const refuse = (why: string): never => {
    throw new PagemindError('unsupported_model', `This InternVL cannot run here: ${why}.`, {
      hint: 'Models with the tower of 300M parameters run; that of 6B is not supported yet.',
    });
  };
  if (vision.flag('use_qk_norm', false)) refuse('its tower norms queries and keys');
  if (vision.text('norm_type', 'layer_norm') !== 'layer_norm') refuse('the norms of its tower are no LayerNorm');
  if (!vision.flag('attention_bias', false)) refuse('its tower has no biases on queries, keys and values');
  if (!vision.flag('use_absolute_position_embeddings', true)) refuse('its tower has no positions');
  if (raw.text('vision_feature_select_strategy', 'default') !== 'default') refuse('it keeps the class token');
  const featureLayer = readFeatureLayer(raw, -1);
  const hasPostNorm = featureLayer === -1 && !vision.flag('use_mean_pooling', true);
  return readVisionConfig(vision, { featureLayer, hasPostNorm });
}

/** Prefix of the tower, before and after transformers 4.52 moved everything below `model`. */
const TOWER = '^(?:model\\.)?vision_tower\\.';

export const internvl: VlmFamily = {
  modelType: 'internvl',
  architectures: ['InternVLForConditionalGeneration'],
  renames: [
    [new RegExp(`${TOWER}embeddings\\.cls_token$`), 'vision.embeddings.class_embedding'],
    [new RegExp(`${TOWER}embeddings\\.position_embeddings$`), 'vision.embeddings.position_embedding.weight'],
    [new RegExp(`${TOWER}embeddings\\.patch_embeddings\\.projection\\.`), 'vision.embeddings.patch_embedding.'],
    [new RegExp(`${TOWER}encoder\\.layer\\.(\\d+)\\.layernorm_before\\.`), 'vision.encoder.layers.$1.layer_norm1.'],
    [new RegExp(`${TOWER}encoder\\.layer\\.(\\d+)\\.layernorm_after\\.`), 'vision.encoder.layers.$1.layer_norm2.'],
    [
      new RegExp(`${TOWER}encoder\\.layer\\.(\\d+)\\.attention\\.projection_layer\\.`),
      'vision.encoder.layers.$1.self_attn.out_proj.',
    ],
    [new RegExp(`${TOWER}encoder\\.layer\\.(\\d+)\\.attention\\.`), 'vision.encoder.layers.$1.self_attn.'],
    [new RegExp(`${TOWER}encoder\\.layer\\.`), 'vision.encoder.layers.'],
    [new RegExp(`${TOWER}layernorm\\.`), 'vision.post_layernorm.'],
    [/^(model\.)?multi_modal_projector\./, 'projector.'],
    [/^model\.language_model\./, 'model.'],
    [/^language_model\./, ''],
  ],
  ignored: UNUSED_VISION,
  example: {
    model: 'OpenGVLab/InternVL3-1B-hf',
    config: {
      image_token_id: 151667,
      text_config: {
        ...{ model_type: 'qwen2', hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24 },
        ...{ vocab_size: 151674, num_attention_heads: 14, num_key_value_heads: 2, tie_word_embeddings: false },
      },
      vision_config: {
        ...{ model_type: 'internvl_vision', image_size: 448, patch_size: 14, hidden_size: 1024 },
        ...{ intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16, attention_bias: true },
      },
    },
  },
  readConfig,
};
