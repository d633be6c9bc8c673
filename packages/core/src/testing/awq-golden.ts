// Reads the golden layers of AWQ, and compares: codes are equal but where the unrounded number lies within 1e-4 of a half.
import { readFileSync } from 'node:fs';
import { f16ToF32, type GridLayout, gridNumber, type Matrix, type StoredTensor } from '@pagemind/quant';
import { expect } from 'vitest';

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: ArrayBuffer;
}

/** A golden layer. */
export interface AwqGolden {
  floats(name: string): Float32Array;
  words(name: string): Uint32Array;
  /** Linears, and norms as columns, by their names in the layer. */
  readonly weights: ReadonlyMap<string, Matrix>;
  readonly ratios: Readonly<Record<string, number>>;
}

export function readGolden(folder: string): AwqGolden {
  const { tensors, metadata } = readFile(`${folder}/golden.safetensors`);
  const weights = new Map<string, Matrix>();
  for (const [name, tensor] of readFile(`${folder}/model.safetensors`).tensors) {
    const [numRows = 0, numCols = 1] = tensor.shape;
    weights.set(name.replace(/^model\.layers\.0\.|\.weight$/g, ''), { values: floatsOf(tensor), numRows, numCols });
  }
  const need = (name: string): Tensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`${folder} has no ${name}`);
    return tensor;
  };
  return {
    floats: (name) => floatsOf(need(name)),
    words: (name) => new Uint32Array(need(name).bytes),
    weights,
    ratios: JSON.parse(metadata['ratios'] ?? '{}'),
  };
}

/** Every number within `tolerance` of the wanted one, relatively. */
export function expectClose(actual: ArrayLike<number>, wanted: Float32Array, tolerance: number): void {
  expect(actual.length).toBe(wanted.length);
  const errors = wanted.map((want, i) => Math.abs((actual[i] as number) - want) / Math.max(Math.abs(want), 1e-6));
  expect(errors.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(tolerance);
}

/** Compares the tensors of a quantised matrix with the golden ones; `matrix` is what was quantised. */
export function expectTensors(
  golden: AwqGolden,
  prefix: string,
  name: string,
  { values, numRows, numCols }: Matrix,
  tensors: Readonly<Record<string, StoredTensor>>,
): void {
  const scales = golden.floats(`${prefix}.qscales.${name}`);
  const stored = new Uint16Array((tensors['scales'] as StoredTensor).data.buffer);
  expectClose(Float32Array.from(stored, f16ToF32), scales, 2 ** -10); // a bit more or less
  const groupSize = (numCols * numRows) / scales.length;
  const layout: GridLayout = { bits: 4, isTransposed: true, isAcross: false, isInterleaved: true, pitch: numRows };
  const zeros = golden.words(`${prefix}.qzeros.${name}`);
  expect(new Uint32Array((tensors['qzeros'] as StoredTensor).data.buffer)).toEqual(zeros);
  const codes = golden.words(`${prefix}.qweight.${name}`);
  const actual = new Uint32Array((tensors['qweight'] as StoredTensor).data.buffer);
  for (let row = 0; row < numRows; row++) {
    for (let column = 0; column < numCols; column++) {
      const [ours, theirs] = [actual, codes].map((words) => gridNumber(words, layout, row, column));
      if (ours === theirs) continue;
      const group = values.subarray(row * numCols + Math.floor(column / groupSize) * groupSize).subarray(0, groupSize);
      const steps = (values[row * numCols + column] as number) / ((Math.max(...group) - Math.min(...group)) / 15);
      const rest = Math.abs(steps - Math.floor(steps) - 0.5);
      expect(rest, `${prefix} ${name} [${row}, ${column}]: ${ours}, not ${theirs}`).toBeLessThan(1e-4);
    }
  }
}

function readFile(path: string): { tensors: ReadonlyMap<string, Tensor>; metadata: Readonly<Record<string, string>> } {
  const file = readFileSync(path);
  const end = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...header } = JSON.parse(file.toString('utf8', 8, end));
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    const { dtype, shape, data_offsets } = entry as { dtype: string; shape: number[]; data_offsets: [number, number] };
    const bytes = Uint8Array.from(file.subarray(end + data_offsets[0], end + data_offsets[1])).buffer;
    tensors.set(name, { dtype, shape, bytes });
  }
  return { tensors, metadata };
}

function floatsOf({ dtype, bytes }: Tensor): Float32Array<ArrayBuffer> {
  return dtype === 'F16' ? Float32Array.from(new Uint16Array(bytes), f16ToF32) : new Float32Array(bytes);
}
