// SAM's tower as DeepSeek-VL uses it beside another: how its config maps to VisionConfig, and what lies behind it. The missing
// keys of a config have the values of Hugging Face's config class.
import { PagemindError } from '../../errors.js';
import type { RawConfig } from '../raw-config.js';
import { readSide } from './towers.js';
import { checkVisionConfig, patchesPerSide, readActivation, type VisionConfig } from './vision-config.js';

/** A tower with padded windows and relative positions, and convolutions that make few rows of its many. */
export interface SamConfig {
  readonly tower: VisionConfig;
  /** `output_channels`: width of a row behind the neck. Each of the two last convolutions doubles it. */
  readonly numChannels: number;
  /** The first of `global_attn_indexes`: the rows after this layer are used beside the last ones. */
  readonly earlyLayer: number;
  /** Rows a side of what comes out. */
  readonly outputSide: number;
}

/** Width of the rows that come out. */
export function samWidth({ numChannels }: SamConfig): number {
  return 4 * numChannels;
}

/** Rows a side, and of that so many in all: of the tower, and between the two last convolutions. */
export function samSides({ tower, outputSide }: SamConfig): { readonly map: number; readonly half: number } {
  return { map: patchesPerSide(tower), half: 2 * outputSide };
}

/** @param outputSide rows a side that are wanted: as many as the other tower has patches */
export function readSamConfig(raw: RawConfig, outputSide: number): SamConfig {
  for (const key of ['qkv_bias', 'use_abs_pos', 'use_rel_pos']) raw.only(key, true);
  const hiddenSize = raw.count('hidden_size', 768);
  const numHeads = raw.count('num_attention_heads', 12);
  const fullLayers = raw.get('global_attn_indexes') === undefined ? [2, 5, 8, 11] : raw.ids('global_attn_indexes');
  const numLayers = raw.count('num_hidden_layers', 12);
  const earlyLayer = fullLayers[0] ?? numLayers;
  if (earlyLayer >= numLayers) {
    throw new PagemindError('unsupported_model', 'global_attn_indexes does not begin with a layer of the tower.', {
      hint: 'The rows after that layer are part of what the tower gives.',
    });
  }
  const tower = checkVisionConfig({
    hiddenSize,
    intermediateSize: raw.optionalCount('mlp_dim') ?? Math.floor(hiddenSize * raw.positive('mlp_ratio', 4)),
    numLayers,
    numHeads,
    headDim: hiddenSize / numHeads,
    imageSize: readSide(raw, 'image_size', 1024),
    patchSize: readSide(raw, 'patch_size', 16),
    numFrames: 1,
    norm: 'layer',
    normEpsilon: raw.positive('layer_norm_eps', 1e-6),
    activation: readActivation(raw.text('hidden_act', 'gelu')),
    positions: 'learned',
    windows: { side: raw.count('window_size', 14), fullLayers, isPadded: true },
    hasRelativePositions: true,
    hasFusedQkv: true,
    hasClassToken: false,
    hasPreNorm: false,
    hasPostNorm: false,
    hasPatchBias: true,
    hasLayerScale: false,
  });
  return { tower, numChannels: raw.count('output_channels', 256, 4096), earlyLayer, outputSide };
}
