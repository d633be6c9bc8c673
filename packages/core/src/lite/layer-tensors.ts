// The tensors of one decoder layer as plain numbers: read, changed and written back in the dtype they had, and given to the
// loader as if they were a checkpoint's. What is changed is smooth-layer.ts.
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16, type Matrix } from '@pagemind/quant';
import { PagemindError } from '../errors.js';
import type { Checkpoint } from '../load/checkpoint.js';
import { bytesSource } from '../load/memory-source.js';
import type { TensorData } from '../load/safetensors-writer.js';
import type { TensorEntry } from '../load/tensor-entry.js';
import type { MatrixSpec, WeightPiece, WeightSpec } from '../load/weights.js';
import { type LayerRole, weightName } from '../models/decoder-weights.js';

/** A tensor's numbers; vectors are matrices of one column. */
export interface LayerTensor extends Matrix {
  readonly dtype: 'F32' | 'F16' | 'BF16';
  readonly shape: readonly number[];
}

/** Tensors by the names that specs use. */
export type LayerTensors = ReadonlyMap<string, LayerTensor>;

/** The products of a layer, each over the same inputs: q, k and v; o; gate and up; down. */
export type LinearRole = Extract<LayerRole, 'qkv' | 'output' | 'gateUp' | 'down'>;

export const LINEAR_ROLES: readonly LinearRole[] = ['qkv', 'output', 'gateUp', 'down'];

/** What a layer consists of. */
export class LayerSpecs {
  readonly index: number;
  readonly specs: readonly WeightSpec[];

  constructor(all: readonly WeightSpec[], index: number) {
    this.index = index;
    const prefix = weightName.layer(index, 'qkv').slice(0, -'qkv'.length);
    this.specs = all.filter(({ name }) => name.startsWith(prefix));
  }

  /** Undefined when the layer has none. */
  find(role: LayerRole): WeightSpec | undefined {
    return this.specs.find(({ name }) => name === weightName.layer(this.index, role));
  }

  /** Pieces of tensors that make up a weight; none when the layer has it not. */
  pieces(role: LayerRole): readonly WeightPiece[] {
    return this.find(role)?.pieces ?? [];
  }

  /** Names of the tensors that make up a product, each once. */
  linears(role: LinearRole): readonly string[] {
    return [...new Set(this.pieces(role).map(({ tensor }) => tensor))];
  }

  /** Inputs of a product. */
  numInputs(role: LinearRole): number {
    return (this.find(role) as MatrixSpec).numCols;
  }
}

/** Reads the tensors of a layer. */
export async function readLayer(
  checkpoint: Checkpoint,
  { specs }: LayerSpecs,
  signal: AbortSignal | undefined,
): Promise<Map<string, LayerTensor>> {
  const tensors = new Map<string, LayerTensor>();
  for (const { tensor } of specs.flatMap(({ pieces }) => pieces)) {
    if (tensors.has(tensor)) continue;
    const entry = checkpoint.tensors.get(tensor);
    if (!entry) {
      throw new PagemindError('tensor_missing', `${checkpoint.name} has no tensor ${tensor}.`, {
        hint: 'The checkpoint is incomplete; download it again.',
      });
    }
    tensors.set(tensor, await readTensor(tensor, entry, signal));
  }
  return tensors;
}

/** The same tensors, to be changed. */
export function copyTensors(tensors: LayerTensors): Map<string, LayerTensor> {
  return new Map(Array.from(tensors, ([name, tensor]) => [name, { ...tensor, values: tensor.values.slice() }]));
}

/** A tensor in the dtype that it had. */
export function encodeTensor({ values, dtype, shape }: LayerTensor): TensorData {
  if (dtype === 'F32') return { dtype, shape, data: bytesOf(values) };
  const halves = Uint16Array.from(values, dtype === 'F16' ? f32ToF16 : f32ToBf16);
  return { dtype, shape, data: new Uint8Array(halves.buffer) };
}

/** The checkpoint with these tensors, in f32, in place of its own. */
export function withTensors(checkpoint: Checkpoint, tensors: LayerTensors): Checkpoint {
  const entries = new Map<string, TensorEntry>();
  for (const [name, { values, shape }] of tensors) {
    const bytes = bytesOf(values);
    const source = bytesSource(bytes, name);
    entries.set(name, { dtype: 'F32', shape, offset: 0, length: bytes.length, source, file: name });
  }
  return { ...checkpoint, tensors: entries };
}

async function readTensor(name: string, entry: TensorEntry, signal: AbortSignal | undefined): Promise<LayerTensor> {
  const { dtype, shape, source, offset, length, headDim } = entry;
  const [numRows = 1, numCols = 1] = shape;
  const stored = await source.read(offset, length, signal);
  const bytes = headDim === undefined ? stored : inHalves(stored, length / numRows, headDim);
  const size = { numRows, numCols, shape };
  if (dtype === 'F32') return { ...size, dtype, values: new Float32Array(bytes.buffer, bytes.byteOffset, length / 4) };
  if (dtype === 'F16' || dtype === 'BF16') {
    const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, length / 2);
    return { ...size, dtype, values: Float32Array.from(halves, dtype === 'F16' ? f16ToF32 : bf16ToF32) };
  }
  throw new PagemindError('unsupported_format', `Tensor ${name} is stored in ${dtype}.`, {
    hint: 'Only checkpoints in float32, float16 or bfloat16 can be quantised here.',
  });
}

/** Rows of heads whose halves come in turns, each half in one piece. */
function inHalves(paired: Uint8Array, rowBytes: number, headDim: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(paired.length);
  for (let row = 0; row * rowBytes < paired.length; row++) {
    const inHead = row % headDim;
    const to = row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
    bytes.set(paired.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
  }
  return bytes;
}

function bytesOf(values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
