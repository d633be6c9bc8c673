// Idefics3 and SmolVLM: a SigLIP-like tower, blocks of patches side by side (pixel shuffle), one linear layer, and a
// image in tiles, each announced by its place in the grid.
import { PagemindError } from '../../../errors.js';
import type { RawConfig } from '../../raw-config.js';
import { readVisionConfig } from '../../vision/towers.js';
import { patchesPerSide } from '../../vision/vision-config.js';
import { type ImageTiles, placeInOrder, rowsPerTile, type VlmConfig, type VlmFamily } from '../vlm-config.js';
import { readImageToken } from './llava.js';

/** Tiles of the largest image that published processors make: 4 × 4 and the whole view. */
const MAX_TILES = 17;

const AROUND = '<fake_token_around_image>';

function readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig {
  const tower = readVisionConfig(raw.object('vision_config') ?? raw, { featureLayer: -1, hasPostNorm: true });
  const pixelShuffle = raw.count('scale_factor', 2, 8);
  if (patchesPerSide(tower) % pixelShuffle !== 0) {
    throw new PagemindError('invalid_config', `scale_factor ${pixelShuffle} does not divide the patches of a tile.`, {
      hint: 'Download the checkpoint again, or report it if the original file says so too.',
    });
  }
  const projector = {
    name: 'projector.modality_projection.proj',
    numInputs: tower.hiddenSize * pixelShuffle ** 2,
    numOutputs: decoderHiddenSize,
    hasBias: false,
    activation: undefined,
  };
  const shared = { tower, keepsClassToken: false, pixelShuffle };
  const perTile = rowsPerTile(shared);
  return {
    ...shared,
    imageTokenId: readImageToken(raw),
    projector: [projector],
    hasNewline: false,
    maxRows: MAX_TILES * perTile,
    maxTaps: 1,
    place: ({ numTiles }) => placeInOrder(numTiles * perTile),
    gridOf: () => ({ rows: 0, cols: 0 }),
    promptText: (tiles, marker) => promptText(tiles, marker.repeat(perTile)),
  };
}

/** Tiles line by line, then the whole view, which comes alone when there is no grid. */
function promptText({ gridRows, gridCols }: ImageTiles, rows: string): string {
  let text = '';
  for (let row = 1; row <= gridRows; row++) {
    for (let col = 1; col <= gridCols; col++) text += `${AROUND}<row_${row}_col_${col}>${rows}`;
    text += '\n';
  }
  if (gridRows > 0) text += '\n';
  return `${text}${AROUND}<global-img>${rows}${AROUND}`;
}

const RENAMES: VlmFamily['renames'] = [
  [/^(model\.)?vision_model\./, 'vision.'],
  [/^(model\.)?connector\./, 'projector.'],
  [/^(model\.)?text_model\./, 'model.'],
];

const NONE = /$^/;

export const idefics3: VlmFamily = {
  modelType: 'idefics3',
  architectures: ['Idefics3ForConditionalGeneration'],
  renames: RENAMES,
  ignored: NONE,
  example: {
    model: 'HuggingFaceM4/Idefics3-8B-Llama3',
    config: {
      text_config: {
        ...{
          model_type: 'llama',
          hidden_size: 4096,
          intermediate_size: 14336,
          num_hidden_layers: 32,
          vocab_size: 128259,
        },
        ...{ num_attention_heads: 32, num_key_value_heads: 8 },
      },
      vision_config: {
        ...{ model_type: 'idefics3_vision', image_size: 364, patch_size: 14 },
        ...{ hidden_size: 1152, intermediate_size: 4304, num_hidden_layers: 27, num_attention_heads: 16 },
      },
      image_token_id: 128257,
    },
  },
  readConfig,
};

export const smolvlm: VlmFamily = {
  ...idefics3,
  modelType: 'smolvlm',
  architectures: ['SmolVLMForConditionalGeneration'],
  example: {
    model: 'HuggingFaceTB/SmolVLM-256M-Instruct',
    config: {
      text_config: {
        ...{ model_type: 'llama', hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30, vocab_size: 49280 },
        ...{ num_attention_heads: 9, num_key_value_heads: 3 },
      },
      vision_config: {
        ...{ model_type: 'smolvlm_vision', image_size: 512, patch_size: 16 },
        ...{ hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 },
      },
      ...{ image_token_id: 49190, scale_factor: 4 },
    },
  },
};
