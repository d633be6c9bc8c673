// Qwen2-VL and Qwen2.5-VL: a tower that takes an image in its own shape, blocks of 2 × 2 patches side by side, two linear
// layers, and a decoder that sees where in the image each row is (`mrope_section`).
import type { RawConfig } from '../../raw-config.js';
import { readMergeSize, readQwen2VlTower, readQwen25VlTower } from '../../vision/qwen-vl-towers.js';
import type { VisionConfig } from '../../vision/vision-config.js';
import { placeInOrder, rowsPerTile, type VlmConfig, type VlmFamily } from '../vlm-config.js';
import { readImageToken, repeatMarker } from './llava.js';

function readConfig(
  raw: RawConfig,
  decoderHiddenSize: number,
  readTower: (vision: RawConfig) => VisionConfig,
): VlmConfig {
  const vision = raw.object('vision_config') ?? raw;
  const tower = readTower(vision);
  const pixelShuffle = readMergeSize(vision);
  const numInputs = tower.hiddenSize * pixelShuffle ** 2;
  const layer = { numInputs, hasBias: true };
  const shared = { tower, keepsClassToken: false, pixelShuffle };
  const blockSide = tower.patchSize * pixelShuffle;
  return {
    ...shared,
    imageTokenId: readImageToken(raw),
    projector: [
      { ...layer, name: 'projector.mlp.0', numOutputs: numInputs, activation: 'gelu' },
      { ...layer, name: 'projector.mlp.2', numOutputs: decoderHiddenSize, activation: undefined },
    ],
    hasNewline: false,
    maxRows: rowsPerTile(shared),
    maxTaps: 1,
    place: (_tiles, { width, height }) => {
      const grid = { rows: height / blockSide, cols: width / blockSide };
      return { ...placeInOrder(grid.rows * grid.cols), grid };
    },
    gridOf: () => ({ rows: 0, cols: 0 }),
    promptText: repeatMarker,
  };
}

const NONE = /$^/;

export const qwen2Vl: VlmFamily = {
  modelType: 'qwen2_vl',
  architectures: ['Qwen2VLForConditionalGeneration'],
  // Names before and after transformers 4.52 moved everything below `model`.
  renames: [
    [/^(?:model\.)?visual\.patch_embed\.proj\./, 'vision.embeddings.patch_embedding.'],
    [/^(?:model\.)?visual\.blocks\.(\d+)\.norm([12])\./, 'vision.encoder.layers.$1.layer_norm$2.'],
    [/^(?:model\.)?visual\.blocks\.(\d+)\.attn\.qkv\./, 'vision.encoder.layers.$1.self_attn.qkv.'],
    [/^(?:model\.)?visual\.blocks\.(\d+)\.attn\.proj\./, 'vision.encoder.layers.$1.self_attn.out_proj.'],
    [/^(?:model\.)?visual\.blocks\.(\d+)\.mlp\.down_proj\./, 'vision.encoder.layers.$1.mlp.fc2.'],
    [/^(?:model\.)?visual\.blocks\./, 'vision.encoder.layers.'],
    [/^(?:model\.)?visual\.merger\.ln_q\./, 'vision.post_layernorm.'],
    [/^(?:model\.)?visual\.merger\./, 'projector.'],
    [/^model\.language_model\./, 'model.'],
  ],
  decoderType: 'qwen2',
  ignored: NONE,
  example: {
    model: 'Qwen/Qwen2-VL-2B-Instruct',
    config: {
      ...{ hidden_size: 1536, intermediate_size: 8960, num_hidden_layers: 28, vocab_size: 151936 },
      ...{ num_attention_heads: 12, num_key_value_heads: 2, tie_word_embeddings: true, image_token_id: 151655 },
      vision_config: { depth: 32, embed_dim: 1280, mlp_ratio: 4, num_heads: 16, patch_size: 14, spatial_merge_size: 2 },
    },
  },
  readConfig: (raw, decoderHiddenSize) => readConfig(raw, decoderHiddenSize, readQwen2VlTower),
};

export const qwen25Vl: VlmFamily = {
  ...qwen2Vl,
  modelType: 'qwen2_5_vl',
  architectures: ['Qwen2_5_VLForConditionalGeneration'],
  example: {
    model: 'Qwen/Qwen2.5-VL-3B-Instruct',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 11008, num_hidden_layers: 36, vocab_size: 151936 },
      ...{ num_attention_heads: 16, num_key_value_heads: 2, tie_word_embeddings: true, image_token_id: 151655 },
      vision_config: {
        ...{ depth: 32, hidden_size: 1280, intermediate_size: 3420, num_heads: 16, patch_size: 14 },
        ...{ spatial_merge_size: 2, window_size: 112, fullatt_block_indexes: [7, 15, 23, 31] },
      },
    },
  },
  readConfig: (raw, decoderHiddenSize) => readConfig(raw, decoderHiddenSize, readQwen25VlTower),
};
