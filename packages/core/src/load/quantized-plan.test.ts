// Plans of quantised matrices without a GPU: what may be joined, and what is refused by name.
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from './checkpoint.js';
import type { QuantizedMatrix } from './quantized.js';
import type { ByteSource } from './source.js';
import type { TensorEntry } from './tensor-entry.js';
import { planWeights, type WeightPlan } from './weight-plan.js';
import { type MatrixSpec, type VectorSpec, type WeightPiece, type WeightPolicy, wholeTensor } from './weights.js';

const source: ByteSource = { size: 0, read: () => Promise.reject(new Error('a plan reads nothing')) };

let end = 0;
/** A tensor behind those that were made before. */
function entry(dtype: TensorEntry['dtype'], ...shape: number[]): TensorEntry {
  const length = shape.reduce((product, size) => product * size, dtype === 'I32' ? 4 : 2);
  end += length;
  return { dtype, shape, offset: end - length, length, source, file: 'model.safetensors' };
}

/** A matrix [8, 64] of compressed-tensors. */
function quantized(groupOf?: Uint16Array, groupSize = 32): QuantizedMatrix {
  const layout = { isTransposed: false, isAcross: false, isInterleaved: false, pitch: 64 };
  const scales = { ...layout, pitch: 64 / groupSize };
  return {
    ...{ layout: 'compressed-tensors', numRows: 8, numCols: 64, spare: [] },
    options: { format: 'int4', groupSize, hasZeros: false },
    parts: [
      { plane: 'weight', entry: entry('I32', 8, 8), source: 'u4', layout, added: 0 },
      { plane: 'scales', entry: entry('F16', 8, 64 / groupSize), source: 'f16', layout: scales, added: 0 },
    ],
    ...(groupOf && { groupOf }),
  };
}

const order = (step: number): Uint16Array => Uint16Array.from({ length: 64 }, (_, i) => ((i * step) % 64) >> 5);
const matrices: ReadonlyMap<string, QuantizedMatrix> = new Map([
  ['q', quantized()],
  ['k', quantized()],
  ['coarse', quantized(undefined, 64)],
  ['odd', quantized(order(3))],
  ['odder', quantized(order(5))],
]);
const checkpoint: Checkpoint = {
  ...{
    name: 'm',
    config: {},
    generationConfig: undefined,
    readText: async () => undefined,
    readBytes: async () => undefined,
  },
  tensors: new Map([
    ['plain', entry('F16', 8, 64)],
    ...[...matrices].flatMap(([name, { parts }]) =>
      parts.map((part) => [`${name}.${part.plane}`, part.entry] as const),
    ),
  ]),
  quantized: matrices,
};

const matrix = (numRows: number, numCols: number, ...pieces: WeightPiece[]): MatrixSpec => ({
  ...{ kind: 'matrix', name: 'w', numRows, numCols, pieces, group: 'decoder' },
});
const plan = (
  spec: MatrixSpec | VectorSpec,
  policy: WeightPolicy = {},
  ignored = (_name: string): boolean => true,
): WeightPlan => planWeights(checkpoint, [spec], policy, { windowBytes: 1 << 20, ignored });
const joined = (...tensors: string[]): MatrixSpec =>
  matrix(tensors.length * 8, 64, ...tensors.map((tensor, i) => wholeTensor(tensor, 8, i * 8)));

describe('planWeights of quantised matrices', () => {
  it('joins what is stored alike, and counts its bytes', () => {
    const { weights, deviceBytes, readBytes } = plan(joined('q', 'k'));
    expect(weights[0]?.options).toEqual({ format: 'int4', groupSize: 32, hasZeros: false });
    expect(deviceBytes).toBe(16 * 2 * (16 + 2));
    expect(readBytes).toBe(16 * 2 * (16 + 2));
  });

  it('keeps a table for every order of columns, also that of matrices in order', () => {
    const { weights } = plan(joined('odd', 'q', 'odder', 'odd'));
    expect(weights[0]?.options).toEqual({ format: 'int4', groupSize: 32, hasZeros: true, numTables: 3 });
    expect([...(weights[0]?.tables?.tableOf ?? [])]).toEqual([0, 0, 1, 1, 2, 2, 0, 0]);
    expect(weights[0]?.tables?.tables).toEqual([
      order(3),
      Uint16Array.from({ length: 64 }, (_, i) => i >> 5),
      order(5),
    ]);
    expect(weights[0]?.tables?.zeroPoint).toBe(8);
  });

  it('takes the format that it has from a policy', () => {
    const symmetric = { format: 'int4', groupSize: 32, hasZeros: false } as const;
    expect(plan(joined('q'), { decoder: symmetric }).weights).toHaveLength(1);
  });

  it.each<[string, MatrixSpec | VectorSpec, string, RegExp]>([
    [
      'plain rows beside quantised ones',
      joined('q', 'plain'),
      'unsupported_format',
      /plain is not quantised, .* w is made of are int4-g32/,
    ],
    [
      'groups of two sizes',
      joined('q', 'coarse'),
      'unsupported_format',
      /coarse is int4-g64-symmetric, .*g32-symmetric/,
    ],
    [
      'other columns',
      matrix(8, 32, wholeTensor('q', 8)),
      'tensor_mismatch',
      /q has shape \[8, 64\] .* expects \[8, 32\]/,
    ],
    ['too few rows', matrix(16, 64, wholeTensor('q', 16)), 'tensor_mismatch', /expects \[16, 64\]/],
    ['rows left over', matrix(4, 64, wholeTensor('q', 4)), 'tensor_mismatch', /takes 4 of its 8 rows/],
    [
      'a vector',
      { kind: 'vector', name: 'v', length: 8, pieces: [wholeTensor('q', 8)] },
      'tensor_missing',
      /lacks tensor q/,
    ],
    [
      'two orders in four rows',
      matrix(
        16,
        64,
        { ...wholeTensor('odd', 8), block: 2, stride: 4 },
        { ...wholeTensor('q', 8, 2), block: 2, stride: 4 },
      ),
      'unsupported_format',
      /q shares four rows of w/,
    ],
  ])('refuses %s', (_, spec, code, message) => {
    expect(() => plan(spec)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message), hint: expect.any(String) }),
    );
  });

  it('refuses to quantise what is quantised', () => {
    const wanted = { format: 'int4', groupSize: 64, hasZeros: true } as const;
    expect(() => plan(joined('q'), { decoder: wanted })).toThrow(
      expect.objectContaining({
        code: 'invalid_option',
        message: expect.stringMatching(/w is stored as int4-g32-symmetric/),
      }),
    );
  });

  it('refuses quantised matrices that nobody takes, by their names', () => {
    const only = (name: string): boolean => name !== 'k';
    expect(() => plan(joined('q'), {}, only)).toThrow(
      expect.objectContaining({ code: 'tensor_unexpected', message: expect.stringMatching(/does not use: k\./) }),
    );
  });
});
