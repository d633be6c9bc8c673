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
  readConfig,
};

export const smolvlm: VlmFamily = {
  ...idefics3,
  modelType: 'smolvlm',
  architectures: ['SmolVLMForConditionalGeneration'],
};
