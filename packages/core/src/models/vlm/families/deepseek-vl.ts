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
