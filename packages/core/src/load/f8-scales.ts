// Gives tensors of f8 the scales that lie beside them in the checkpoint: one of the tensor, one of every row, or one of every
// block. There are few of them, so they are read at once; all of it is untrusted. What they do is the pack kernel's business.
import { bf16ToF32, f16ToF32 } from '@pagemind/quant';
import { PagemindError } from '../errors.js';
import { isRecord } from './json.js';
import type { TensorEntry, TensorFactors } from './tensor-entry.js';

/** Scales that are read at a time. */
const MAX_READS = 16;
const MAX_SCALES = 2 ** 24;

const SCALE = /\.weight_scale(_inv)?$/;
/** Scales of quantised activations and of the KV cache: the engine computes both in floats. */
const OTHER_SCALE = /\.(input_scale(_ub)?|output_scale|[qkv]_scale)$/;

/** Block of scales where the configuration names none, as in DeepSeek's checkpoints. */
const BLOCK: readonly [number, number] = [128, 128];

type Tensors = ReadonlyMap<string, TensorEntry>;

/**
 * The tensors of a checkpoint, those of f8 with their factors; scales are no tensors of their own any more.
 * @throws PagemindError `tensor_missing`, `tensor_mismatch`, and what reading throws.
 */
export async function joinF8Scales(
  tensors: Tensors,
  config: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
): Promise<Tensors> {
  const names = [...tensors].filter(([, { dtype }]) => dtype.startsWith('F8_')).map(([name]) => name);
  if (names.length === 0) return tensors;
  const quantization = config['quantization_config'];
  const said = isRecord(quantization) ? quantization : {};
  const joined = new Map([...tensors].filter(([name]) => !SCALE.test(name) && !OTHER_SCALE.test(name)));
  for (let start = 0; start < names.length; start += MAX_READS) {
    const read = names.slice(start, start + MAX_READS).map(async (name) => {
      const entry = await withFactors(name, tensors, said, signal);
      if (entry) joined.set(name, entry);
    });
    await Promise.all(read);
  }
  return joined;
}

async function withFactors(
  name: string,
  tensors: Tensors,
  said: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
): Promise<TensorEntry | undefined> {
  const entry = tensors.get(name);
  const scale = tensors.get(`${name}_scale`) ?? tensors.get(`${name}_scale_inv`);
  if (!entry || (!scale && said['quant_method'] === undefined)) return entry;
  if (!scale) {
    throw new PagemindError('tensor_missing', `${name} is stored in f8, and its scale is missing.`, {
      hint: 'The checkpoint is incomplete; download it again.',
    });
  }
  const [rows = 0, cols = 0] = entry.shape;
  const place = entry.shape.length === 2 ? blockOf(scale.shape, rows, cols, said) : undefined;
  if (!place) {
    throw mismatch(name, `has shape [${entry.shape.join(', ')}], and scales of shape [${scale.shape.join(', ')}]`);
  }
  const values = await readFloats(name, scale, signal);
  if (!values.every(Number.isFinite)) throw mismatch(name, 'has a scale that is no number');
  return { ...entry, factors: { values, ...place } };
}

/** The block that each scale is for; undefined when the shapes do not fit. */
function blockOf(
  shape: readonly number[],
  rows: number,
  cols: number,
  said: Readonly<Record<string, unknown>>,
): Omit<TensorFactors, 'values'> | undefined {
  const [first = 1, second = 1] = shape;
  if (shape.length > 2 || rows === 0 || cols === 0) return undefined;
  if (first === 1 && second === 1) return { blockRows: rows, blockCols: cols };
  if (first === rows && second === 1) return { blockRows: 1, blockCols: cols };
  const own = said['weight_block_size'];
  const [blockRows, blockCols] = Array.isArray(own) && own.length === 2 && own.every(isCount) ? own : BLOCK;
  const fits = first === Math.ceil(rows / blockRows) && second === Math.ceil(cols / blockCols);
  return fits ? { blockRows, blockCols } : undefined;
}

async function readFloats(
  name: string,
  { dtype, shape, source, offset, length }: TensorEntry,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const numScales = shape.reduce((product, size) => product * size, 1);
  const isKnown = dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
  if (!isKnown || numScales > MAX_SCALES) throw mismatch(name, `has ${numScales} scales of ${dtype}`);
  const bytes = await source.read(offset, length, signal);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: numScales }, (_, i) => {
    if (dtype === 'F32') return view.getFloat32(i * 4, true);
    const bits = view.getUint16(i * 2, true);
    return dtype === 'F16' ? f16ToF32(bits) : bf16ToF32(bits);
  });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function mismatch(name: string, reason: string): PagemindError {
  return new PagemindError('tensor_mismatch', `Tensor ${name} ${reason}.`, {
    hint: 'The checkpoint is damaged, or quantised in a way that is not supported.',
  });
}
