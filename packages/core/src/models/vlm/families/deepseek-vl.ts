// DeepSeek-VL of 1.3B: a SigLIP tower with its last norm, a two-layer projector, every row of the one tile in order.
import { readVisionConfig } from '../../vision/towers.js';
import { numPatches } from '../../vision/vision-config.js';
import { placeInOrder, type VlmFamily } from '../vlm-config.js';
import { readImageToken, repeatMarker } from './llava.js';

export const deepseekVl: VlmFamily = {
  modelType: 'deepseek_vl',
  architectures: ['DeepseekVLForConditionalGeneration'],
  renames: [
    [/^(model\.)?vision_model\.(vision_model\.)?/, 'vision.'],
    [/^(model\.)?aligner\./, 'projector.'],
    [/^model\.language_model\./, 'model.'],
    [/^language_model\./, ''],
  ],
  // SigLIP's pooling head.
  ignored: /^vision\.head\./,
  example: {
    model: 'deepseek-community/deepseek-vl-1.3b-chat',
    config: {
      image_token_id: 100015,
      text_config: {
        ...{ model_type: 'llama', hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 24 },
        ...{ vocab_size: 102400, num_attention_heads: 16, num_key_value_heads: 16 },
      },
      vision_config: {
        ...{ model_type: 'siglip_vision_model', image_size: 384, patch_size: 16 },
        ...{ hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16 },
      },
    },
  },
  readConfig(raw, decoderHiddenSize) {
    const tower = readVisionConfig(raw.object('vision_config') ?? raw, { featureLayer: -1, hasPostNorm: true });
    const numRows = numPatches(tower);
    const layer = { numOutputs: decoderHiddenSize, hasBias: true };
    return {
      imageTokenId: readImageToken(raw),
      tower,
      keepsClassToken: false,
      pixelShuffle: 1,
      projector: [
        { ...layer, name: 'projector.linear1', numInputs: tower.hiddenSize, activation: 'gelu' },
        { ...layer, name: 'projector.linear2', numInputs: decoderHiddenSize, activation: undefined },
      ],
      hasNewline: false,
      maxRows: numRows,
      maxTaps: 1,
      place: ({ numTiles }) => placeInOrder(numTiles * numRows),
      gridOf: () => ({ rows: 0, cols: 0 }),
      promptText: repeatMarker,
    };
  },
};
