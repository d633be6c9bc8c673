// What a vision-language family declares: its tower, what lies between the tower and the decoder, and how the rows of a
// image are laid out. No code of a forward pass belongs in a family.
import type { FamilyExample, TensorRenames } from '../family.js';
import type { RawConfig } from '../raw-config.js';
import { numPatches, type VisionActivation, type VisionConfig } from '../vision/vision-config.js';

/** How an image was cut into tiles; `grid` tiles are in row-major order. */
export interface ImageTiles {
  /** Of the original, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly numTiles: number;
  /** 0 × 0 when the image is a single tile. */
  readonly gridRows: number;
  readonly gridCols: number;
}

/**
 * The rows of an image, each a weighted sum of `taps` projected rows: row `t * rowsPerTile + r` is row `r` of tile `t`;
 * the newline row, where a family has one, comes after those of all tiles.
 */
export interface Placement {
  readonly numRows: number;
  readonly taps: number;
  /** u32 `[numRows, taps]` */
  readonly sources: Uint32Array<ArrayBuffer>;
  /** f32 `[numRows, taps]`; missing: all 1. */
  readonly weights?: Float32Array<ArrayBuffer>;
}

/** One linear layer between the tower and the decoder. */
export interface ProjectorLayer {
  /** Stem of its tensors, after renaming. */
  readonly name: string;
  readonly numInputs: number;
  readonly numOutputs: number;
  readonly hasBias: boolean;
  readonly activation: VisionActivation | undefined;
}

/** The vision side of a model. */
export interface VlmConfig {
  /** `image_token_index`, `image_token_id`: stands for one row of an image among the ids. */
  readonly imageTokenId: number;
  readonly tower: VisionConfig;
  /** `vision_feature_select_strategy` full: the class token is the first row of a tile. */
  readonly keepsClassToken: boolean;
  /** `scale_factor`: this many patches in each direction make one row, side by side. 1: none. */
  readonly pixelShuffle: number;
  readonly projector: readonly ProjectorLayer[];
  /** `image_newline` ends every row of the grid. */
  readonly hasNewline: boolean;
  /** Rows of the largest image. */
  readonly maxRows: number;
  /** Taps of its placements, at most. */
  readonly maxTaps: number;
  readonly place: (tiles: ImageTiles) => Placement;
  /** The grid of an image of this size, for pixel values that come without it. */
  readonly gridOf: (width: number, height: number) => { readonly rows: number; readonly cols: number };
  /** What the marker of an image becomes in a prompt; the image token appears `numRows` times in it. */
  readonly promptText: (tiles: ImageTiles, marker: string, numRows: number) => string;
}

export interface VlmFamily {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** `architectures` it answers to. */
  readonly architectures: readonly string[];
  /**
   * Tensor names, old → new, the first match counts: the decoder's become those of its own family, the tower's start
   * with `vision.`, the projector's with `projector.`, and the newline row is `newline`.
   */
  readonly renames: TensorRenames;
  /** Tensors that may be present and are not used, after renaming. */
  readonly ignored: RegExp;
  readonly example?: FamilyExample;
  readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig;
}

/** Rows that a tile gives after selection and pixel shuffle. */
export function rowsPerTile({
  tower,
  keepsClassToken,
  pixelShuffle,
}: Pick<VlmConfig, 'tower' | 'keepsClassToken' | 'pixelShuffle'>): number {
  return numPatches(tower) / pixelShuffle ** 2 + (keepsClassToken ? 1 : 0);
}

/** All rows of all tiles as they come. */
export function placeInOrder(numRows: number): Placement {
  return { numRows, taps: 1, sources: Uint32Array.from({ length: numRows }, (_, i) => i) };
}
