// The vision towers that look at square tiles, as an explicit list: how the config of each maps to VisionConfig. The missing
// keys of a config have the values of Hugging Face's config classes, which published checkpoints rely on.
import { PagemindError } from '../../errors.js';
import { RawConfig } from '../raw-config.js';
import { checkVisionConfig, readActivation, type VisionConfig } from './vision-config.js';

/** What a family says about the tower it builds on. */
export interface TowerUse {
  /** `vision_feature_layer`: index into the hidden states, of which the first are the embeddings; -1 is the last. */
  readonly featureLayer: number;
  /** Whether the family takes what comes out of the tower's last norm. */
  readonly hasPostNorm: boolean;
}

type Defaults = Readonly<
  Record<
    'hidden_size' | 'intermediate_size' | 'num_hidden_layers' | 'num_attention_heads' | 'image_size' | 'patch_size',
    number
  >
> & { readonly hidden_act: string; readonly layer_norm_eps: number };

type Traits = Pick<VisionConfig, 'hasClassToken' | 'hasPreNorm' | 'hasPatchBias' | 'hasLayerScale'>;

const CLIP: Defaults = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 32,
  hidden_act: 'quick_gelu',
  layer_norm_eps: 1e-5,
};
const CLIP_TRAITS: Traits = { hasClassToken: true, hasPreNorm: true, hasPatchBias: false, hasLayerScale: false };

const SIGLIP: Defaults = { ...CLIP, patch_size: 16, hidden_act: 'gelu_pytorch_tanh', layer_norm_eps: 1e-6 };
const SIGLIP_TRAITS: Traits = { hasClassToken: false, hasPreNorm: false, hasPatchBias: true, hasLayerScale: false };

const IDEFICS3: Defaults = { ...SIGLIP, hidden_size: 1152, num_attention_heads: 16, patch_size: 32 };

const INTERNVL: Defaults = {
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  image_size: 448,
  patch_size: 14,
  hidden_act: 'gelu',
  layer_norm_eps: 1e-6,
};
const INTERNVL_TRAITS: Traits = { hasClassToken: true, hasPreNorm: false, hasPatchBias: true, hasLayerScale: true };

/** What all of them are. */
const PLAIN: Pick<VisionConfig, 'numFrames' | 'norm' | 'positions' | 'windows' | 'hasFusedQkv'> = {
  numFrames: 1,
  norm: 'layer',
  positions: 'learned',
  windows: undefined,
  hasFusedQkv: false,
};

/** By `model_type` of the vision config. */
const TOWERS: Readonly<Record<string, readonly [Defaults, Traits]>> = {
  clip_vision_model: [CLIP, CLIP_TRAITS],
  siglip_vision_model: [SIGLIP, SIGLIP_TRAITS],
  idefics3_vision: [IDEFICS3, SIGLIP_TRAITS],
  smolvlm_vision: [IDEFICS3, SIGLIP_TRAITS],
  internvl_vision: [INTERNVL, INTERNVL_TRAITS],
};

/**
 * Reads the config of a tower.
 * @throws PagemindError `unsupported_model` naming what was found and what is known; `invalid_config`.
 */
export function readVisionConfig(raw: RawConfig, { featureLayer, hasPostNorm }: TowerUse): VisionConfig {
  const modelType = raw.text('model_type');
  const tower = Object.hasOwn(TOWERS, modelType) ? TOWERS[modelType] : undefined;
  if (!tower) {
    throw new PagemindError('unsupported_model', `The vision tower '${modelType.slice(0, 80)}' is not supported.`, {
      hint: `Supported are ${Object.keys(TOWERS).join(', ')}.`,
    });
  }
  const [defaults, traits] = tower;
  const hiddenSize = raw.count('hidden_size', defaults.hidden_size);
  const numHeads = raw.count('num_attention_heads', defaults.num_attention_heads);
  const numAllLayers = raw.count('num_hidden_layers', defaults.num_hidden_layers);
  return checkVisionConfig({
    ...PLAIN,
    ...traits,
    hasPostNorm,
    hiddenSize,
    intermediateSize: raw.count('intermediate_size', defaults.intermediate_size),
    numLayers: featureLayer < 0 ? numAllLayers + 1 + featureLayer : featureLayer,
    numHeads,
    headDim: hiddenSize / numHeads,
    imageSize: readSide(raw, 'image_size', defaults.image_size),
    patchSize: readSide(raw, 'patch_size', defaults.patch_size),
    normEpsilon: raw.positive('layer_norm_eps', defaults.layer_norm_eps),
    activation: readActivation(raw.text('hidden_act', defaults.hidden_act)),
  });
}

/** The side of a square, which may be given as its height and width. */
export function readSide(raw: RawConfig, key: string, fallback: number): number {
  if (!Array.isArray(raw.get(key))) return raw.count(key, fallback);
  const [height, width] = raw.numbers(key, 2) ?? [];
  if (height !== width) {
    throw new PagemindError('unsupported_model', `${key} is ${height} × ${width}, not a square.`, {
      hint: 'See the table of what works in the README.',
    });
  }
  return new RawConfig({ [key]: height }).count(key);
}
