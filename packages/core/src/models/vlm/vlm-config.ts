// What a vision-language family declares: its tower, what lies between the tower and the decoder, and how the rows of a
// image are laid out. No code of a forward pass belongs in a family.
import type { Settings } from '../../image/processor-config.js';
import type { FamilyExample, TensorRenames } from '../family.js';
import type { RawConfig } from '../raw-config.js';
import type { PatchGrid } from '../vision/patch-grid.js';
import type { SamConfig } from '../vision/sam-config.js';
import { numPatches, type VisionActivation, type VisionConfig } from '../vision/vision-config.js';
import type { QFormerConfig } from './qformer.js';
import type { ResamplerConfig } from './resampler.js';

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
 * the newline row, or other rows where a family has some, come after those of all tiles.
 */
export interface Placement {
  readonly numRows: number;
  readonly taps: number;
  /** u32 `[numRows, taps]` */
  readonly sources: Uint32Array<ArrayBuffer>;
  /** f32 `[numRows, taps]`; missing: all 1. */
  readonly weights?: Float32Array<ArrayBuffer>;
  /**
   * For towers that take images in their own shape: the rows stand for blocks of pixels in so many lines and columns, line by
   * line, and decoders with `mrope_section` see them there.
   */
  readonly grid?: PatchGrid;
}

/** One linear layer between the tower and the decoder. */
export interface ProjectorLayer {
  /** Stem of its tensors, after renaming. */
  readonly name: string;
  readonly numInputs: number;
  readonly numOutputs: number;
  readonly hasBias: boolean;
  readonly activation: VisionActivation | undefined;
  /** LayerNorm behind it, before the activation, which is GELU then; missing: none. */
  readonly norm?: ProjectorNorm;
  /** Its matrix is stored as `[inputs, outputs]`; missing: no. */
  readonly isTransposed?: boolean;
}

/** A norm before or behind them. */
export interface ProjectorNorm {
  /** Stem of its tensors, after renaming. */
  readonly name: string;
  readonly epsilon: number;
}

/** Two ids: whatever stands between them is a row of an image. */
export interface ImageBounds {
  readonly startId: number;
  readonly endId: number;
}

/** A second tower that sees the same pictures in more pixels. */
export interface HighResConfig {
  readonly sam: SamConfig;
  /** For its rows what the first of `projector` is for the other tower's; both make one row, these outputs first. */
  readonly projector: ProjectorLayer;
}

/** The vision side of a model. */
export interface VlmConfig {
  /**
   * `image_token_index`, `image_token_id`: stands for one row of an image among the ids. Where config.json does not have it,
   * the text that the tokenizer knows it by.
   */
  readonly imageTokenId: number | { readonly text: string };
  /** Missing: the image token alone stands for rows. */
  readonly imageBounds?: ImageBounds;
  /**
   * What preprocessor_config.json should say.
   * @param own what it says; nothing, where there is none
   * Missing: the file must be there, and is taken as it is.
   */
  readonly processor?: (own: Settings) => Settings;
  readonly tower: VisionConfig;
  /** `vision_feature_select_strategy` full: the class token is the first row of a tile. */
  readonly keepsClassToken: boolean;
  /** `scale_factor`: this many patches in each direction make one row, side by side. 1: none. */
  readonly pixelShuffle: number;
  /** Learned queries whose rows take the place of the tower's; missing: none. */
  readonly resampler?: ResamplerConfig;
  /** The same in several layers; missing: none. */
  readonly qformer?: QFormerConfig;
  /** LayerNorm before the linear layers; missing: none. */
  readonly projectorNorm?: ProjectorNorm;
  readonly projector: readonly ProjectorLayer[];
  /** `high_res_vision_config`; missing: there is one tower. */
  readonly highRes?: HighResConfig;
  /** `image_newline` ends every row of the grid. */
  readonly hasNewline: boolean;
  /** Tensors of rows, after renaming, that the newline row or nothing stands for where this is missing. */
  readonly extraRows?: readonly string[];
  /** Rows of the largest image. */
  readonly maxRows: number;
  /** Taps of its placements, at most. */
  readonly maxTaps: number;
  /** @param tile of one tile, in pixels */
  readonly place: (tiles: ImageTiles, tile: { readonly width: number; readonly height: number }) => Placement;
  /** The grid of an image of this size, for pixel values that come without it. */
  readonly gridOf: (width: number, height: number) => { readonly rows: number; readonly cols: number };
  /**
   * What the marker of an image becomes in a prompt; the image token appears `numRows` times in it.
   * @param number of the image in its prompt, from 1 on
   */
  readonly promptText: (tiles: ImageTiles, marker: string, numRows: number, number: number) => string;
}

/** A folder beside config.json for a tower; it may not be there. */
export interface TowerFolder {
  readonly path: string;
  /** config.json and the tower's name say enough. Else the folder's config.json becomes `vision_config`. */
  readonly isDescribed: boolean;
  /** What its tensors have before their names, once they are the checkpoint's. They count where that has none of a tower. */
  readonly stem: string;
}

export interface VlmFamily {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** `architectures` it answers to. */
  readonly architectures: readonly string[];
  /** Key of config.json without which the architecture is that of a decoder alone; missing: it never is. */
  readonly visionKey?: string;
  /**
   * Tensor names, old → new, the first match counts: the decoder's become those of its own family, the tower's start
   * with `vision.`, those of a second one with `high_res.`, of what gathers rows with `resampler.` or `qformer.`, the
   * projector's with `projector.`, and the newline row is `newline`.
   */
  readonly renames: TensorRenames;
  /** Key of config.json that has the decoder's config; default `text_config`. */
  readonly textKey?: string;
  /** `model_type` of the decoder's family, where the keys of the decoder are in config.json itself or name another. */
  readonly decoderType?: string;
  /** Tensors that may be present and are not used, after renaming. */
  readonly ignored: RegExp;
  readonly example?: FamilyExample;
  /**
   * Of families whose authors replace a text by an image before the tokenizer sees it: the token that it becomes, where the
   * tokenizer has none of that id.
   */
  imageToken?(raw: RawConfig): { readonly id: number; readonly content: string };
  /** Of families whose checkpoints name a tower that may lie elsewhere. */
  towerFolder?(raw: RawConfig): TowerFolder;
  readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig;
}

/** Rows that a tile of `numTilePatches` gives to the projector; by default one of the largest. */
export function rowsPerTile(
  {
    tower,
    keepsClassToken,
    pixelShuffle,
    resampler,
    qformer,
  }: Pick<VlmConfig, 'tower' | 'keepsClassToken' | 'pixelShuffle' | 'resampler' | 'qformer'>,
  numTilePatches: number = numPatches(tower),
): number {
  const queries = resampler ?? qformer;
  if (queries) return queries.numQueries;
  return numTilePatches / pixelShuffle ** 2 + (keepsClassToken ? 1 : 0);
}

/** Elements of those rows. */
export function tileRowWidth({ tower, pixelShuffle, resampler, qformer }: VlmConfig): number {
  return (resampler ?? qformer)?.hiddenSize ?? tower.hiddenSize * pixelShuffle ** 2;
}

/** Tensors of the rows behind those of all tiles. */
export function extraRowsOf({ hasNewline, extraRows = hasNewline ? ['newline'] : [] }: VlmConfig): readonly string[] {
  return extraRows;
}

/** Width of the rows between the first linear layers and the last. */
export function betweenWidth({ projector, highRes }: Pick<VlmConfig, 'projector' | 'highRes'>): number {
  return (highRes?.projector.numOutputs ?? 0) + (projector[0]?.numOutputs ?? 0);
}

/** All rows of all tiles as they come. */
export function placeInOrder(numRows: number): Placement {
  return { numRows, taps: 1, sources: Uint32Array.from({ length: numRows }, (_, i) => i) };
}
