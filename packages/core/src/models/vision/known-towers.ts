// Towers that checkpoints name but do not describe: what their own repositories say of them.
import type { Settings } from '../../image/processor-config.js';

/** A tower, as its repository has it. */
export interface KnownTower {
  /** The vision part of its config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Its preprocessor_config.json. */
  readonly processor: Settings;
}

/** CLIP ViT-L/14 of OpenAI, for pictures of this side. */
function clipLarge(side: number): KnownTower {
  return {
    config: {
      ...{ model_type: 'clip_vision_model', image_size: side, patch_size: 14, hidden_size: 1024 },
      ...{ intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16 },
    },
    processor: {
      image_processor_type: 'CLIPImageProcessor',
      size: { shortest_edge: side },
      crop_size: { height: side, width: side },
    },
  };
}

/** SigLIP of 400M parameters, for pictures of 384 pixels a side. */
const SIGLIP_SO400M: KnownTower = {
  config: {
    ...{ model_type: 'siglip_vision_model', image_size: 384, patch_size: 14, hidden_size: 1152 },
    ...{ intermediate_size: 4304, num_hidden_layers: 27, num_attention_heads: 16 },
  },
  processor: {
    image_processor_type: 'SiglipImageProcessor',
    size: { height: 384, width: 384 },
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  },
};

const TOWERS: Readonly<Record<string, KnownTower>> = {
  'clip-vit-large-patch14': clipLarge(224),
  'clip-vit-large-patch14-336': clipLarge(336),
  'siglip-so400m-patch14-384': SIGLIP_SO400M,
};

/** @param path a name on the hub, or a folder of somebody's machine that is called so */
export function knownTower(path: string): KnownTower | undefined {
  const name = path.split('/').at(-1) ?? '';
  return Object.hasOwn(TOWERS, name) ? TOWERS[name] : undefined;
}
