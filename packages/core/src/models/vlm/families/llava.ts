// LLaVA 1.5: a CLIP tower, a two-layer projector, and every row of the one tile in order.

import { PagemindError } from '../../../errors.js';
import type { FamilyExample } from '../../family.js';
import type { RawConfig } from '../../raw-config.js';
import { readVisionConfig } from '../../vision/towers.js';
import { numPatches, readActivation, type VisionConfig } from '../../vision/vision-config.js';
import { type ProjectorLayer, placeInOrder, type VlmConfig, type VlmFamily } from '../vlm-config.js';

/** Names before and after transformers 4.52 moved everything below `model`. */
export const LLAVA_RENAMES: VlmFamily['renames'] = [
  [/^(model\.)?vision_tower\.(vision_model\.)?/, 'vision.'],
  [/^(model\.)?multi_modal_projector\./, 'projector.'],
  [/^(model\.)?image_newline$/, 'newline'],
  [/^model\.language_model\./, 'model.'],
  [/^language_model\./, ''],
];

/** Layers of the tower behind the used one, its last norm, and SigLIP's pooling head. */
export const UNUSED_VISION: RegExp = /^vision\.(encoder\.layers\.|post_layernorm\.|head\.|embeddings\.position_ids$)/;

/** What the LLaVA family shares: tower, row selection and projector. */
export function readLlavaConfig(
  raw: RawConfig,
  decoderHiddenSize: number,
): Pick<VlmConfig, 'imageTokenId' | 'tower' | 'keepsClassToken' | 'pixelShuffle' | 'projector'> {
  const tower = readVisionConfig(raw.object('vision_config') ?? raw, {
    featureLayer: readFeatureLayer(raw, -2),
    hasPostNorm: false,
  });
  return {
    imageTokenId: readImageToken(raw),
    tower,
    keepsClassToken: tower.hasClassToken && raw.text('vision_feature_select_strategy', 'default') === 'full',
    pixelShuffle: 1,
    projector: mlpProjector(raw, tower, decoderHiddenSize),
  };
}

function mlpProjector(raw: RawConfig, tower: VisionConfig, hiddenSize: number): readonly ProjectorLayer[] {
  const hasBias = raw.flag('multimodal_projector_bias', true);
  const activation = readActivation(raw.text('projector_hidden_act', 'gelu'));
  const layer = { numOutputs: hiddenSize, hasBias };
  return [
    { ...layer, name: 'projector.linear_1', numInputs: tower.hiddenSize, activation },
    { ...layer, name: 'projector.linear_2', numInputs: hiddenSize, activation: undefined },
  ];
}

export function readImageToken(raw: RawConfig): number {
  return raw.ids('image_token_index')[0] ?? raw.ids('image_token_id')[0] ?? raw.count('image_token_id');
}

/** `vision_feature_layer` */
export function readFeatureLayer(raw: RawConfig, fallback: number): number {
  const layer = raw.get('vision_feature_layer') ?? fallback;
  if (typeof layer === 'number' && Number.isInteger(layer)) return layer;
  throw new PagemindError('unsupported_model', 'vision_feature_layer is not one layer.', {
    hint: 'Models that join the features of several layers are not supported yet.',
  });
}

/** One tile; every row an image token. */
export function repeatMarker(_tiles: unknown, marker: string, numRows: number): string {
  return marker.repeat(numRows);
}

/** Sizes of Vicuna 7B, and of the tower that LLaVA builds on. */
export const VICUNA_EXAMPLE: FamilyExample['config'] = {
  text_config: { model_type: 'llama', vocab_size: 32064 },
  vision_config: {
    ...{ model_type: 'clip_vision_model', image_size: 336, patch_size: 14 },
    ...{ hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16 },
  },
  image_token_index: 32000,
};

export const llava: VlmFamily = {
  modelType: 'llava',
  architectures: ['LlavaForConditionalGeneration'],
  renames: LLAVA_RENAMES,
  ignored: UNUSED_VISION,
  example: { model: 'llava-hf/llava-1.5-7b-hf', config: VICUNA_EXAMPLE },
  readConfig(raw, decoderHiddenSize) {
    const shared = readLlavaConfig(raw, decoderHiddenSize);
    const numRows = numPatches(shared.tower) + (shared.keepsClassToken ? 1 : 0);
    return {
      ...shared,
      hasNewline: false,
      maxRows: numRows,
      maxTaps: 1,
      place: ({ numTiles }) => placeInOrder(numTiles * numRows),
      gridOf: () => ({ rows: 0, cols: 0 }),
      promptText: repeatMarker,
    };
  },
};
