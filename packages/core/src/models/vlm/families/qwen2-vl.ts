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
  readConfig: (raw, decoderHiddenSize) => readConfig(raw, decoderHiddenSize, readQwen2VlTower),
};

export const qwen25Vl: VlmFamily = {
  ...qwen2Vl,
  modelType: 'qwen2_5_vl',
  architectures: ['Qwen2_5_VLForConditionalGeneration'],
  readConfig: (raw, decoderHiddenSize) => readConfig(raw, decoderHiddenSize, readQwen25VlTower),
};
