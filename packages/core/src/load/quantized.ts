// Recognises the quantised matrices of a checkpoint by the names, dtypes and shapes of their tensors, and says how each is
// laid out. All of it is untrusted. What becomes of a matrix is quantized-plan.ts.
import type { RepackSource } from '@pagemind/kernels-wgsl';
import type { GridLayout, PlaneName, WeightFormatOptions } from '@pagemind/quant';
import { PagemindError } from '../errors.js';
import { contradiction, type Quantization } from './quantization.js';
import type { TensorEntry } from './tensor-entry.js';

/** The layouts that are known, as messages name them. */
export type QuantizedLayout = 'AWQ gemm' | 'AWQ gemv' | 'GPTQ' | 'compressed-tensors' | 'MLX';

/** Bits of codes that are read. */
export const LAYOUT_BITS: Readonly<Record<QuantizedLayout, readonly number[]>> = {
  'AWQ gemm': [4],
  'AWQ gemv': [4],
  GPTQ: [4, 8],
  'compressed-tensors': [4, 8],
  MLX: [4, 8],
};

/** A tensor of a quantised matrix and the plane that its numbers go to. */
export interface QuantizedPart {
  readonly plane: PlaneName;
  readonly entry: TensorEntry;
  readonly source: RepackSource;
  readonly layout: Omit<GridLayout, 'bits'>;
  /** What the checkpoint left out of zero points. */
  readonly added: number;
}

/** A matrix `[numRows, numCols]` that a checkpoint stores quantised, in several tensors. */
export interface QuantizedMatrix {
  readonly layout: QuantizedLayout;
  readonly numRows: number;
  readonly numCols: number;
  /** How it is stored on the device, tables aside. */
  readonly options: WeightFormatOptions;
  readonly parts: readonly QuantizedPart[];
  /** The tensor that names the group of every column. */
  readonly index?: TensorEntry;
  /** What it says, if groups are not columns in a row. Read by find-quantized.ts. */
  readonly groupOf?: Uint16Array;
  /** Tensors that say nothing new. */
  readonly spare: readonly TensorEntry[];
}

type Tensors = ReadonlyMap<string, TensorEntry>;
type Part = Omit<QuantizedPart, 'plane' | 'entry' | 'source'>;

const FLOATS: Readonly<Record<string, RepackSource>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' };

/** The matrix whose weights are tensor `name`, if that is the main tensor of a quantised matrix; and its stem. */
export function readQuantized(
  name: string,
  tensors: Tensors,
  quantization: Quantization,
): { stem: string; matrix: QuantizedMatrix } | undefined {
  const dot = name.lastIndexOf('.');
  const stem = name.slice(0, Math.max(dot, 0));
  const reader = new Reader(stem, tensors, quantization);
  const suffix = name.slice(dot + 1);
  if (suffix === 'qweight') return { stem, matrix: reader.awqOrGptq() };
  if (suffix === 'weight_packed') return { stem, matrix: reader.compressedTensors() };
  if (suffix === 'weight' && tensors.has(`${stem}.scales`)) return { stem, matrix: reader.mlx() };
  return undefined;
}

/** Names of `quant_method` that speak of a layout; others may use any. */
const METHODS: readonly string[] = ['awq', 'gptq', 'compressed-tensors', 'mlx'];

/** `quant_method` of a layout. */
export function methodOf(layout: QuantizedLayout): string {
  return layout.split(' ')[0]?.toLowerCase() ?? '';
}

/** A matrix before its parts are known. */
interface Sizes {
  readonly layout: QuantizedLayout;
  readonly bits: number;
  readonly numRows: number;
  readonly numCols: number;
  /** Groups of a row, where the tensors tell. */
  readonly numGroups?: number;
}

/** Reads the tensors of one stem. */
class Reader {
  readonly #stem: string;
  readonly #tensors: Tensors;
  readonly #said: Quantization;

  constructor(stem: string, tensors: Tensors, said: Quantization) {
    this.#stem = stem;
    this.#tensors = tensors;
    this.#said = said;
  }

  awqOrGptq(): QuantizedMatrix {
    const [codes, scales, zeros] = [this.#words('qweight'), this.#floats('scales'), this.#words('qzeros')];
    const [[q0, q1], [s0, s1], [z0, z1]] = [codes.size, scales.size, zeros.size];
    if (z0 === s0 && q1 === s1 && q0 > s0) {
      // GPTQ: codes [in / perWord, out], zero points [groups, out / perWord], scales [groups, out].
      const sizes = this.#sizes({ layout: 'GPTQ', bits: (z1 * 32) / s1, numRows: s1, numGroups: s0 }, q0);
      const added = this.#said.isVersion2 ? 0 : 1;
      const parts = [
        part('weight', codes, { isTransposed: true, isAcross: true }),
        part('scales', scales, { isTransposed: true }),
        part('zeros', { ...zeros, pitch: s1 }, { isTransposed: true, added }),
      ];
      return this.#matrix(sizes, parts, this.#tensors.get(`${this.#stem}.g_idx`));
    }
    if (z0 === s0 && q1 * 8 === s1 && z1 * 8 === s1) {
      // AWQ gemm: codes [in, out / 8], zero points [groups, out / 8], scales [groups, out].
      const sizes: Sizes = { layout: 'AWQ gemm', bits: 4, numRows: s1, numCols: q0, numGroups: s0 };
      const lines = { isTransposed: true, isInterleaved: true };
      const parts = [
        part('weight', { ...codes, pitch: s1 }, lines),
        part('scales', scales, { isTransposed: true }),
        part('zeros', { ...zeros, pitch: s1 }, lines),
      ];
      return this.#matrix(sizes, parts);
    }
    if (q0 === s0 && q0 === z0 && z1 * 8 === s1) {
      // AWQ gemv: codes [out, in / 8], zero points [out, padded groups / 8], scales [out, padded groups].
      const sizes: Sizes = { layout: 'AWQ gemv', bits: 4, numRows: q0, numCols: q1 * 8 };
      const parts = [
        part('weight', { ...codes, pitch: q1 * 8 }, {}),
        part('scales', scales, {}),
        part('zeros', { ...zeros, pitch: s1 }, {}),
      ];
      const matrix = this.#matrix(sizes, parts);
      if (Math.ceil(matrix.numCols / matrix.options.groupSize) <= s1) return matrix;
    }
    throw this.#mismatch(
      'qweight',
      `fits neither AWQ nor GPTQ beside scales [${scales.size}] and qzeros [${zeros.size}]`,
    );
  }

  compressedTensors(): QuantizedMatrix {
    const codes = this.#words('weight_packed');
    const scales = this.#floats('weight_scale');
    const [numRows, numGroups] = scales.size;
    const bits = this.#said.bits ?? 4;
    const sizes = this.#sizes({ layout: 'compressed-tensors', bits, numRows, numGroups }, codes.size[1]);
    const parts = [part('weight', { ...codes, pitch: sizes.numCols }, {}), part('scales', scales, {})];
    this.#expect('weight_packed', codes.size[0] === numRows, `expected ${numRows} rows, as weight_scale has`);
    if (this.#tensors.has(`${this.#stem}.weight_zero_point`)) {
      const zeros = this.#words('weight_zero_point');
      const [z0, z1] = zeros.size;
      const isWhole = z0 === Math.ceil((numRows * bits) / 32) && z1 === numGroups;
      this.#expect('weight_zero_point', isWhole, `expected [${Math.ceil((numRows * bits) / 32)}, ${numGroups}]`);
      parts.push(part('zeros', zeros, { isAcross: true }));
    }
    const shape = this.#tensors.get(`${this.#stem}.weight_shape`);
    return this.#matrix(sizes, parts, this.#tensors.get(`${this.#stem}.weight_g_idx`), shape ? [shape] : []);
  }

  mlx(): QuantizedMatrix {
    const [codes, scales, biases] = [this.#words('weight'), this.#floats('scales'), this.#floats('biases')];
    const [numRows, numGroups] = scales.size;
    const bits = this.#override('bits') ?? this.#said.bits ?? 4;
    const sizes = this.#sizes({ layout: 'MLX', bits, numRows, numGroups }, codes.size[1]);
    const isWhole = biases.size[0] === numRows && biases.size[1] === numGroups;
    this.#expect('biases', isWhole, `expected [${numRows}, ${numGroups}], as scales has`);
    this.#expect('weight', codes.size[0] === numRows, `expected ${numRows} rows, as scales has`);
    const parts = [
      part('weight', { ...codes, pitch: sizes.numCols }, {}),
      part('scales', scales, {}),
      part('biases', biases, {}),
    ];
    return this.#matrix(sizes, parts);
  }

  /** What the configuration says of this matrix alone (MLX). */
  #override(key: string): number | undefined {
    const own = this.#said.overrides[this.#stem];
    const value = typeof own === 'object' && own !== null ? (own as Readonly<Record<string, unknown>>)[key] : undefined;
    return typeof value === 'number' ? value : undefined;
  }

  /** The columns that follow from a count of words. */
  #sizes(sizes: Omit<Sizes, 'numCols'>, numWords: number): Sizes {
    const { layout, bits } = sizes;
    if (LAYOUT_BITS[layout].includes(bits)) return { ...sizes, numCols: (numWords * 32) / bits };
    throw new PagemindError('unsupported_format', `${this.#stem} is quantised to ${bits} bits (${layout}).`, {
      hint: `${LAYOUT_BITS[layout].join(' and ')} bits are supported; take such a version of the model.`,
    });
  }

  #matrix(
    { layout, bits, numRows, numCols, numGroups }: Sizes,
    found: readonly Omit<QuantizedPart, 'source'>[],
    index?: TensorEntry,
    spare: readonly TensorEntry[] = [],
  ): QuantizedMatrix {
    this.#compare(layout, bits);
    const groupSize = this.#groupSize(layout, numCols, numGroups);
    const parts = found.map((each): QuantizedPart => {
      const source = FLOATS[each.entry.dtype] ?? (bits === 4 ? 'u4' : 'u8');
      return { ...each, source };
    });
    const has = (plane: PlaneName): boolean => parts.some((each) => each.plane === plane);
    const options: WeightFormatOptions = {
      format: bits === 4 ? 'int4' : 'int8',
      groupSize,
      hasZeros: has('zeros'),
      ...(has('biases') && { hasBiases: true }),
    };
    if (index && (index.dtype !== 'I32' || index.length !== numCols * 4)) {
      throw this.#mismatch('g_idx', `is ${index.dtype} [${index.shape}], expected I32 [${numCols}]`);
    }
    return { layout, numRows, numCols, options, parts, ...(index && { index }), spare };
  }

  /** Columns of a group: what the configuration says and the tensors agree with, or what follows from the tensors. */
  #groupSize(layout: QuantizedLayout, numCols: number, numGroups: number | undefined): number {
    const own = this.#override('group_size') ?? this.#said.groupSize;
    const said = own === -1 ? numCols : own;
    if (said === undefined && numGroups === undefined) {
      throw new PagemindError(
        'invalid_config',
        `${this.#said.file} does not say the group_size of ${this.#stem} (${layout}).`,
        {
          hint: 'Download config.json and quant_config.json of the checkpoint again.',
        },
      );
    }
    const groupSize = said ?? numCols / (numGroups ?? 1);
    if (numGroups !== undefined && Math.ceil(numCols / groupSize) !== numGroups) {
      const stored = `${this.#stem} has ${numGroups} groups for ${numCols} columns`;
      throw contradiction(this.#said, `group_size ${own}`, stored);
    }
    if (groupSize > 0 && groupSize % 32 === 0 && numCols % 32 === 0) return groupSize;
    throw new PagemindError(
      'unsupported_format',
      `${this.#stem} has groups of ${groupSize} of its ${numCols} columns.`,
      {
        hint: 'Groups and columns must be multiples of 32; take a version of the model with larger groups.',
      },
    );
  }

  /** Compares what the configuration says with what was found. */
  #compare(layout: QuantizedLayout, bits: number): void {
    const { method, bits: said, version } = this.#said;
    const found = `${this.#stem} is laid out as ${layout}`;
    if (METHODS.includes(method ?? '') && method !== methodOf(layout)) {
      throw contradiction(this.#said, `quant_method ${method}`, found);
    }
    if (layout.startsWith('AWQ') && /^gem[mv]$/.test(version ?? '') && layout !== `AWQ ${version}`) {
      throw contradiction(this.#said, `version ${version}`, found);
    }
    if (said !== undefined && said !== bits && this.#override('bits') === undefined) {
      throw contradiction(this.#said, `bits ${said}`, `${this.#stem} has ${bits}`);
    }
  }

  #words(suffix: string): Found {
    return this.#tensor(suffix, ['I32', 'U32']);
  }

  #floats(suffix: string): Found {
    return this.#tensor(suffix, Object.keys(FLOATS));
  }

  #tensor(suffix: string, dtypes: readonly string[]): Found {
    const entry = this.#tensors.get(`${this.#stem}.${suffix}`);
    if (!entry) {
      throw new PagemindError('tensor_missing', `The quantised matrix ${this.#stem} lacks its tensor ${suffix}.`, {
        hint: 'The checkpoint is incomplete; download it again.',
      });
    }
    const { dtype, shape } = entry;
    const [first = 0, second = 0] = shape;
    const isMatrix = shape.length === 2 && first > 0 && second > 0;
    this.#expect(
      suffix,
      dtypes.includes(dtype) && isMatrix,
      `is ${dtype} [${shape}], expected ${dtypes.join(' or ')} in two dimensions`,
    );
    return { entry, size: [first, second], pitch: second };
  }

  #expect(suffix: string, condition: boolean, reason: string): void {
    if (!condition) throw this.#mismatch(suffix, reason);
  }

  #mismatch(suffix: string, reason: string): PagemindError {
    return new PagemindError('tensor_mismatch', `Tensor ${this.#stem}.${suffix}: ${reason}.`, {
      hint: 'The checkpoint is damaged, or quantised in a layout that is not supported.',
    });
  }
}

/** A tensor of two dimensions. `pitch`: numbers (or shared words) between its lines. */
interface Found {
  readonly entry: TensorEntry;
  readonly size: readonly [number, number];
  readonly pitch: number;
}

/** A part; lines are rows, and nothing is shared or out of order, unless it is said. */
function part(
  plane: PlaneName,
  { entry, pitch }: Found,
  {
    isTransposed = false,
    isAcross = false,
    isInterleaved = false,
    added = 0,
  }: Partial<Part['layout']> & { added?: number },
): Omit<QuantizedPart, 'source'> {
  return { plane, entry, layout: { isTransposed, isAcross, isInterleaved, pitch }, added };
}
