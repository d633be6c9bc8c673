// Every switch a vision tower may set, each with its Hugging Face name. Which towers there are and how they spell their
// keys is in the files beside this one; what becomes of a tower's rows is in vlm/.
import { PagemindError } from '../../errors.js';

/** Activation of a tower's MLP. */
export type VisionActivation = 'gelu' | 'gelu_tanh' | 'quick_gelu';

/** Squares of patches that see one another. */
export interface VisionWindows {
  /** Patches a side. */
  readonly side: number;
  /** `fullatt_block_indexes`, `global_attn_indexes`: layers where all patches see one another. */
  readonly fullLayers: readonly number[];
  /**
   * Windows at the edges are filled up with rows of zeros, which are seen, too, and rows of the tower are line by line.
   * Missing: the former are smaller, and rows are window by window.
   */
  readonly isPadded?: boolean;
}

/** A vision transformer: layers with norms before attention, which sees all patches or those of a window, and MLP. */
export interface VisionConfig {
  /** `hidden_size` */
  readonly hiddenSize: number;
  /** `intermediate_size` */
  readonly intermediateSize: number;
  /** Layers that run: up to the one whose output is used. */
  readonly numLayers: number;
  /** `num_attention_heads` */
  readonly numHeads: number;
  readonly headDim: number;
  /**
   * `image_size`: side of a tile in pixels. With rotary positions images keep their shape and are one tile each; this is then
   * the side of the largest square, and its area the most of any shape.
   */
  readonly imageSize: number;
  /** `patch_size` */
  readonly patchSize: number;
  /** `temporal_patch_size`: frames of a patch; those of an image are all the same. */
  readonly numFrames: number;
  /** `norm_type` */
  readonly norm: 'layer' | 'rms';
  /** `layer_norm_eps` */
  readonly normEpsilon: number;
  /** `hidden_act`; `silu_mul` is that of a gate beside the first linear layer */
  readonly activation: VisionActivation | 'silu_mul';
  /** A learned table, one row a patch; or queries and keys that turn by line and column. */
  readonly positions: 'learned' | 'rotary';
  /**
   * `interpolate_pos_encoding`: the learned table is of a square grid with this side, and stretched over that of a tile. For
   * towers without a class token; missing: the grids are the same.
   */
  readonly positionsSide?: number;
  /** Windows that attention stays in, but for some layers. */
  readonly windows: VisionWindows | undefined;
  /**
   * `use_rel_pos`: scores depend on how many lines and columns a key is away, by what queries make of learned rows; missing: no.
   */
  readonly hasRelativePositions?: boolean;
  /** Queries, keys and values are one tensor. */
  readonly hasFusedQkv: boolean;
  /** In that tensor heads follow one another, each with its query, key and value; missing: all queries come first. */
  readonly isQkvByHead?: boolean;
  /** `qkv_bias` of EVA: queries and values have biases of their own, keys have none; missing: all have. */
  readonly lacksKeyBias?: boolean;
  /** CLIP puts a class token beside the patches. */
  readonly hasClassToken: boolean;
  /** CLIP normalises the embeddings. */
  readonly hasPreNorm: boolean;
  /** Whether the used output passes the tower's last norm. */
  readonly hasPostNorm: boolean;
  /** Of that norm; missing: as of the others. */
  readonly postNormEpsilon?: number;
  /** SigLIP's patch embedding has a bias. */
  readonly hasPatchBias: boolean;
  /** `layer_scale_init_value`: what attention and MLP give is scaled by learned factors, `lambda_1` and `lambda_2`. */
  readonly hasLayerScale: boolean;
}

/** Patches along a side of a tile. */
export function patchesPerSide({ imageSize, patchSize }: VisionConfig): number {
  return Math.floor(imageSize / patchSize);
}

/** Whether attention stays in windows in a layer. */
export function hasWindows({ windows }: VisionConfig, layer: number): boolean {
  return windows !== undefined && !windows.fullLayers.includes(layer);
}

/** Side of the square of patches that see one another in a layer. */
export function attentionSide(config: VisionConfig, layer: number): number {
  return hasWindows(config, layer) ? (config.windows?.side ?? 0) : patchesPerSide(config);
}

/** Patches of a tile. */
export function numPatches(config: VisionConfig): number {
  return patchesPerSide(config) ** 2;
}

/** Rows of a tile in the tower: its patches row by row, then the class token. */
export function numVisionTokens(config: VisionConfig): number {
  return numPatches(config) + (config.hasClassToken ? 1 : 0);
}

/** Numbers of one patch: its pixels, channel by channel and frame by frame. */
export function patchPixels({ patchSize, numFrames }: VisionConfig): number {
  return 3 * numFrames * patchSize * patchSize;
}

const ACTIVATIONS: Readonly<Record<string, VisionActivation>> = {
  gelu: 'gelu',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_new: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
};

/** @throws PagemindError `unsupported_model` for an activation that no kernel has. */
export function readActivation(name: string): VisionActivation {
  const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (activation) return activation;
  throw new PagemindError('unsupported_model', `The activation '${name.slice(0, 40)}' is not supported.`, {
    hint: `Known are ${Object.keys(ACTIVATIONS).join(', ')}.`,
  });
}

/** Checks what the kernels rely on. */
export function checkVisionConfig(config: VisionConfig): VisionConfig {
  const refuse = (why: string): never => {
    throw new PagemindError('unsupported_model', `This vision tower cannot run here: ${why}.`, {
      hint: 'See the table of what works in the README.',
    });
  };
  const { imageSize, patchSize, numLayers, headDim, windows } = config;
  if (imageSize > 4096) refuse(`its tiles have ${imageSize} pixels a side`);
  if (patchSize > imageSize) refuse(`its patches of ${patchSize} pixels are larger than a tile`);
  if (headDim % 4 !== 0 || headDim > 128) refuse(`head_dim ${headDim} is no multiple of 4 up to 128`);
  if (windows && windows.side < 1) refuse('its windows are smaller than a block of patches');
  if (numLayers < 0 || numLayers > 256) refuse(`${numLayers} layers`);
  return config;
}
