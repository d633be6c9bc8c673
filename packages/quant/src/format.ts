// What a weight format is: its planes of bytes, the WGSL that reads them, and its CPU reference in both directions.
// The order of units inside the main plane is common to all formats and lives in tile-layout.ts.
import type { WgslModule } from './wgsl-module.js';

/** Name of a weight format that any numbers can be packed in. */
export type FloatFormatId = 'f32' | 'f16' | 'bf16' | 'int4' | 'int8';

/** Name of a weight format that keeps a block-quantised type of GGUF files as it is. */
export type GgmlFormatId = 'q5_0' | 'q5_1' | 'q4_k' | 'q5_k' | 'q6_k';

/** Name of a weight format. */
export type WeightFormatId = FloatFormatId | GgmlFormatId;

/** A format with its parameters: how one matrix is stored. */
export interface WeightFormatOptions {
  readonly format: WeightFormatId;
  /** Columns that share a scale, a multiple of 32. 0 for formats without scales. */
  readonly groupSize: number;
  /** Whether every group has a zero point: w = (code - zero) * scale. */
  readonly hasZeros: boolean;
  /** Whether every group has a bias instead: w = code * scale + bias. Neither: symmetric, or a format without scales. */
  readonly hasBiases?: boolean;
  /**
   * Tables that name the group of every column, where groups are not columns in a row (GPTQ's act-order). The rows of a
   * block share a table. Comes with zero points. Missing: column `c` belongs to group `floor(c / groupSize)`.
   */
  readonly numTables?: number;
}

/** Buffers that a matrix may consist of; the names are those of the bindings. */
export type PlaneName = 'weight' | 'scales' | 'zeros' | 'biases' | 'high';

/** A storage-buffer binding that a format brings into a kernel. */
export interface PlaneBinding {
  readonly name: PlaneName;
  readonly index: number;
  readonly access: 'read';
}

/** Contents of a matrix, plane by plane. */
export type Planes = Readonly<Partial<Record<PlaneName, Uint32Array>>>;

/** What a kernel puts into a variant to read matrices of one format: the filling of its slot `weights`. */
export interface WeightSlot {
  /** E.g. `f16`, `int4-g64`, `int8-g64-zeros`; part of a variant's id. */
  readonly id: string;
  readonly options: WeightFormatOptions;
  readonly wgsl: WgslModule;
  /**
   * `wgsl` with a `weight_dot` that multiplies in f16, for devices with `shader-f16`. Only formats whose products neither
   * overflow a half nor vanish in it, whatever the numbers, have one (decision 013).
   */
  readonly halfWgsl?: WgslModule;
  readonly knobs: Readonly<Record<string, number>>;
  readonly flags: Readonly<Record<string, boolean>>;
  readonly slotBindings: readonly PlaneBinding[];
}

/** A weight format. All methods are pure; a matrix is `[rows, cols]`, row-major. */
export interface WeightFormat {
  readonly id: WeightFormatId;
  /** Units of 16 bytes that hold 32 consecutive columns of one row. */
  readonly unitsPerGroup: number;
  /** What the columns of a matrix are a multiple of. */
  readonly columnMultiple: number;
  /**
   * WGSL with `weight_dot` (32 columns of 4 rows times 32 activations) and `weight_oct` (8 consecutive weights).
   * Declares the planes' bindings and `override COLS`.
   */
  readonly wgsl: WgslModule;
  /** The filling of a kernel's slot `weights`. */
  slot(options: WeightFormatOptions): WeightSlot;
  /** Byte size of every plane that a matrix has. */
  planeBytes(rows: number, cols: number, options: WeightFormatOptions): Readonly<Partial<Record<PlaneName, number>>>;
  /** The numbers that kernels see, `[rows, cols]`. */
  unpack(planes: Planes, rows: number, cols: number, options: WeightFormatOptions): Float32Array;
}

/** A format that any numbers can be packed in; others hold what a checkpoint has quantised. */
export interface FloatFormat extends WeightFormat {
  readonly id: FloatFormatId;
  /** Packs `values` `[rows, cols]`; bit for bit what the GPU's pack kernel writes. */
  pack(values: Float32Array, rows: number, cols: number, options: WeightFormatOptions): Planes;
}
