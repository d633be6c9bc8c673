// LLaVA 1.6 and LLaVA-OneVision: LLaVA with images cut into tiles of their own aspect ratio.
import { bestResolution } from '../../../image/resolutions.js';
import type { RawConfig } from '../../raw-config.js';
import { patchesPerSide } from '../../vision/vision-config.js';
import { placeAnyres, readPinpoints } from '../anyres.js';
import { rowsPerTile, type VlmConfig, type VlmFamily } from '../vlm-config.js';
import { LLAVA_RENAMES, readLlavaConfig, repeatMarker, UNUSED_VISION, VICUNA_EXAMPLE } from './llava.js';

/** @param maxTiles see {@link placeAnyres} */
export function readAnyresConfig(raw: RawConfig, decoderHiddenSize: number, maxTiles: number | undefined): VlmConfig {
  const shared = readLlavaConfig(raw, decoderHiddenSize);
  const { imageSize } = shared.tower;
  const pinpoints = readPinpoints(raw, imageSize);
  const side = patchesPerSide(shared.tower);
  const numTileRows = rowsPerTile(shared);
  const largest = Math.max(
    ...pinpoints.map(({ height, width }) => (height / imageSize) * side * ((width / imageSize) * side + 1)),
  );
  return {
    ...shared,
    hasNewline: true,
    maxRows: numTileRows + largest,
    maxTaps: maxTiles === undefined ? 1 : 4,
    place: (tiles) => placeAnyres({ side, rowsPerTile: numTileRows, maxTiles }, tiles),
    gridOf: (width, height) => {
      const best = bestResolution({ width, height }, pinpoints);
      return { rows: best.height / imageSize, cols: best.width / imageSize };
    },
    promptText: repeatMarker,
  };
}

export const llavaNext: VlmFamily = {
  modelType: 'llava_next',
  architectures: ['LlavaNextForConditionalGeneration'],
  renames: LLAVA_RENAMES,
  ignored: UNUSED_VISION,
  example: {
    model: 'llava-hf/llava-v1.6-vicuna-7b-hf',
    config: { ...VICUNA_EXAMPLE, image_grid_pinpoints: [[672, 672]] },
  },
  readConfig: (raw, decoderHiddenSize) => readAnyresConfig(raw, decoderHiddenSize, undefined),
};

export const llavaOnevision: VlmFamily = {
  modelType: 'llava_onevision',
  architectures: ['LlavaOnevisionForConditionalGeneration'],
  renames: LLAVA_RENAMES,
  ignored: UNUSED_VISION,
  example: {
    model: 'llava-hf/llava-onevision-qwen2-0.5b-ov-hf',
    config: {
      text_config: {
        ...{
          model_type: 'qwen2',
          hidden_size: 896,
          intermediate_size: 4864,
          num_hidden_layers: 24,
          vocab_size: 152000,
        },
        ...{ num_attention_heads: 14, num_key_value_heads: 2, tie_word_embeddings: true },
      },
      vision_config: {
        ...{ model_type: 'siglip_vision_model', image_size: 384, patch_size: 14 },
        ...{ hidden_size: 1152, intermediate_size: 4304, num_hidden_layers: 26, num_attention_heads: 16 },
      },
      ...{ image_token_index: 151646, vision_feature_layer: -1, vision_feature_select_strategy: 'full' },
      image_grid_pinpoints: [[2304, 2304]],
    },
  },
  readConfig(raw, decoderHiddenSize) {
    const [, maxTiles] = /^anyres_max_(\d+)$/.exec(raw.text('vision_aspect_ratio', 'anyres_max_9')) ?? [];
    return readAnyresConfig(raw, decoderHiddenSize, maxTiles === undefined ? undefined : Number(maxTiles));
  },
};
