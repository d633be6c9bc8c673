// Plans without a GPU: formats, sizes, where every element goes, and what is refused.

import { packUnits } from '@pagemind/kernels-wgsl';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from './checkpoint.js';
import type { SafetensorsDtype } from './safetensors.js';
import type { ByteSource } from './source.js';
import type { TensorEntry } from './tensor-entry.js';
import { weightBytes } from './weight-loader.js';
import { planWeights, type WeightPlan } from './weight-plan.js';
import { type MatrixSpec, type VectorSpec, type WeightPiece, wholeTensor } from './weights.js';

const BYTES: Partial<Record<TensorEntry['dtype'], number>> = { F32: 4, F16: 2, BF16: 2, I8: 1 };

/** Headers only: `name: [dtype, ...shape]`, one after the other in one file. */
function checkpointOf(tensors: Readonly<Record<string, readonly [SafetensorsDtype, ...number[]]>>): Checkpoint {
  const source: ByteSource = { size: 0, read: () => Promise.reject(new Error('a plan reads nothing')) };
  const entries = new Map<string, TensorEntry>();
  let offset = 100;
  for (const [name, [dtype, ...shape]] of Object.entries(tensors)) {
    const length = shape.reduce((product, size) => product * size, BYTES[dtype] ?? 0);
    entries.set(name, { dtype, shape, offset, length, source, file: 'model.safetensors' });
    offset += length;
  }
  return {
    name: 'm',
    config: {},
    generationConfig: undefined,
    tensors: entries,
    readBytes: async () => undefined,
    readText: async () => undefined,
  };
}

function matrix(name: string, numRows: number, numCols: number, ...pieces: WeightPiece[]): MatrixSpec {
  return { kind: 'matrix', name, numRows, numCols, pieces, group: 'decoder' };
}

function vector(name: string, length: number, ...pieces: WeightPiece[]): VectorSpec {
  return { kind: 'vector', name, length, pieces };
}

const keep = {};
const int4 = { decoder: { format: 'int4' as const, groupSize: 32, hasZeros: true } };
const options = { windowBytes: 1 << 20 };

describe('planWeights: formats and sizes', () => {
  const checkpoint = checkpointOf({
    q: ['BF16', 8, 64],
    k: ['BF16', 4, 64],
    v: ['F16', 4, 64],
    head: ['F32', 5, 64],
    norm: ['BF16', 33],
  });
  const specs = [
    matrix('qk', 12, 64, wholeTensor('q', 8), wholeTensor('k', 4, 8)),
    matrix('v', 4, 64, wholeTensor('v', 4)),
    { ...matrix('head', 5, 64, wholeTensor('head', 5)), group: 'embedding' as const },
    vector('norm', 33, wholeTensor('norm', 33)),
  ];
  const formats = ({ weights }: WeightPlan) => weights.map((weight) => weight.options?.format);

  it('keeps what is stored, or quantises what may be', () => {
    expect(formats(planWeights(checkpoint, specs, keep, options))).toEqual(['bf16', 'f16', 'f32', undefined]);
    expect(formats(planWeights(checkpoint, specs, int4, options))).toEqual(['int4', 'int4', 'f32', undefined]);
  });

  it('takes norms of the rows that a matrix is made of, without reading them twice', () => {
    const norms = { ...vector('norms', 5, wholeTensor('head', 5)), inverseNormsOf: 64 };
    const { weights, readBytes, reads } = planWeights(checkpoint, [...specs, norms], keep, options);
    expect(weights.at(-1)?.buffers).toEqual({ vector: 32 * 4 });
    expect(readBytes).toBe(planWeights(checkpoint, specs, keep, options).readBytes);
    const shapes = reads.flatMap(({ windows }) => windows.map(({ shape }) => shape));
    expect(shapes.filter(({ target }) => target === 'inverse_norms')).toEqual([
      expect.objectContaining({ numRows: 5, numCols: 64, dst: 0 }),
    ]);
  });

  it('hands on what becomes of the elements of a vector', () => {
    const norm = { ...vector('norm', 33, wholeTensor('norm', 33)), offset: 1, scale: 0.5 };
    const { reads } = planWeights(checkpointOf({ norm: ['BF16', 33] }), [norm], keep, options);
    expect(reads[0]?.windows[0]?.shape).toMatchObject({ target: 'vector', offset: 1, scale: 0.5 });
  });

  it('widens pieces of different dtypes to f32', () => {
    const mixed = [matrix('qv', 12, 64, wholeTensor('q', 8), wholeTensor('v', 4, 8))];
    const plan = planWeights(checkpoint, mixed, keep, {
      ...options,
      ignored: (name) => ['k', 'head', 'norm'].includes(name),
    });
    expect(formats(plan)).toEqual(['f32']);
    expect(plan.reads.flatMap(({ windows }) => windows.map(({ shape }) => shape.source))).toEqual(['bf16', 'f16']);
  });

  it('counts bytes, with rows padded to 4 and vectors to 32', () => {
    const plan = planWeights(checkpoint, specs, keep, options);
    expect(plan.deviceBytes).toBe(12 * 64 * 2 + 4 * 64 * 2 + 8 * 64 * 4 + 64 * 4);
    expect(weightBytes(specs, checkpoint, keep)).toBe(plan.deviceBytes);
    const quantised = planWeights(checkpoint, specs, int4, options);
    const perGroup = 16 + 2 + 1; // nibbles, scale, zero point
    expect(quantised.deviceBytes).toBe((12 + 4) * 2 * perGroup + 8 * 64 * 4 + 64 * 4);
    expect(weightBytes(specs, checkpoint, int4)).toBe(quantised.deviceBytes);
    expect(plan.readBytes).toBe((8 + 4 + 4) * 64 * 2 + 5 * 64 * 4 + 33 * 2);
  });

  it('reads neighbours together', () => {
    const { reads } = planWeights(checkpoint, specs, keep, options);
    expect(reads).toHaveLength(1);
    expect(reads[0]?.windows.map(({ weight }) => weight.spec.name)).toEqual(['qk', 'qk', 'v', 'head', 'norm']);
  });

  it('does not join what is not aligned', () => {
    const odd = checkpointOf({ a: ['BF16', 3], b: ['F32', 2] });
    const both = [vector('a', 3, wholeTensor('a', 3)), vector('b', 2, wholeTensor('b', 2))];
    expect(planWeights(odd, both, keep, options).reads).toHaveLength(2);
  });
});

/** Byte of the file that each element of a weight comes from. */
function expectedBytes(pieces: readonly WeightPiece[], checkpoint: Checkpoint, rowLength: number): Map<number, number> {
  const from = new Map<number, number>();
  for (const { tensor, firstRow, numRows, dst, block, stride, isTransposed, slice = 0 } of pieces) {
    const entry = checkpoint.tensors.get(tensor) as TensorEntry;
    const size = BYTES[entry.dtype] ?? 0;
    const [rowStep, columnStep] = isTransposed ? [1, entry.shape.at(-1) ?? 0] : [rowLength, 1];
    const first = slice * rowLength * columnStep;
    for (let i = 0; i < numRows; i++) {
      const row = dst + Math.floor(i / block) * stride + (i % block);
      for (let c = 0; c < rowLength; c++) {
        from.set(row * rowLength + c, entry.offset + (first + (firstRow + i) * rowStep + c * columnStep) * size);
      }
    }
  }
  return from;
}

/** The same, from the windows of a plan as the pack kernel understands them. */
function plannedBytes(plan: WeightPlan): Map<number, number> {
  const from = new Map<number, number>();
  for (const { offset, windows } of plan.reads) {
    for (const { shape } of windows) {
      if ('layout' in shape) throw new Error('nothing is quantised here');
      const { numRows, numCols, sourceStart, dst, block, stride, pitch = numCols } = shape;
      const { first = 0, count = numCols, step = 1 } = shape.columns ?? {};
      const rowStep = shape.columns ? 1 : numCols;
      for (let i = 0; i < numRows; i++) {
        const row = dst + Math.floor(i / block) * stride + (i % block);
        for (let c = 0; c < count; c++) {
          const element = row * pitch + first + c;
          if (from.has(element)) throw new Error(`element ${element} is written twice`);
          from.set(element, offset + (sourceStart + i * rowStep + c * step) * packUnits[shape.source].bytes);
        }
      }
    }
  }
  return from;
}

/** Equal for equal maps, and quick to compare. */
const sorted = (map: Map<number, number>) => JSON.stringify([...map].sort(([a], [b]) => a - b));

describe('planWeights: windows', () => {
  /** Two tensors, interleaved in blocks; the second one taken in two parts. */
  const layout = fc.record({
    numBlocks: fc.integer({ min: 1, max: 9 }),
    block: fc.integer({ min: 1, max: 9 }),
    rowLength: fc.integer({ min: 1, max: 5 }),
    dtypes: fc.tuple(fc.constantFrom('F32', 'F16', 'BF16'), fc.constantFrom('F32', 'F16', 'BF16')) as fc.Arbitrary<
      [SafetensorsDtype, SafetensorsDtype]
    >,
    windowBytes: fc.integer({ min: 20, max: 300 }),
    isVector: fc.boolean(),
    split: fc.nat(9),
  });

  it('bring every element where it belongs, in reads of bounded size', () => {
    fc.assert(
      fc.property(layout, ({ numBlocks, block, rowLength, dtypes, windowBytes, isVector, split }) => {
        const numRows = numBlocks * block;
        const length = isVector ? 1 : rowLength;
        const checkpoint = checkpointOf({ a: [dtypes[0], numRows, length], b: [dtypes[1], numRows, length] });
        const firstBlocks = Math.min(split, numBlocks);
        const part = (firstRow: number, rows: number) => ({
          tensor: 'b',
          firstRow,
          numRows: rows,
          block,
          stride: 2 * block,
        });
        const pieces = [
          { tensor: 'a', firstRow: 0, numRows, dst: 0, block, stride: 2 * block },
          { ...part(0, firstBlocks * block), dst: block },
          { ...part(firstBlocks * block, numRows - firstBlocks * block), dst: block + firstBlocks * 2 * block },
        ].filter((piece) => piece.numRows > 0);
        const spec = isVector ? vector('ab', 2 * numRows, ...pieces) : matrix('ab', 2 * numRows, length, ...pieces);
        const plan = planWeights(checkpoint, [spec], keep, { windowBytes });
        expect(sorted(plannedBytes(plan))).toBe(sorted(expectedBytes(pieces, checkpoint, length)));
        for (const read of plan.reads) {
          expect(read.length).toBeLessThanOrEqual(windowBytes);
          for (const window of read.windows) {
            expect(window.offset >= read.offset).toBe(true);
            expect(window.offset + window.length <= read.offset + read.length).toBe(true);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('cut a transposed tensor between its rows, which are columns', () => {
    const transposed = checkpointOf({ norm: ['F16', 3], w: ['F16', 300, 6] });
    const part = (firstRow: number, numRows: number, dst: number): WeightPiece => ({
      ...wholeTensor('w', numRows, dst),
      ...{ firstRow, isTransposed: true },
    });
    const pieces = [part(0, 2, 4), part(2, 4, 0)];
    const specs = [matrix('m', 6, 300, ...pieces)];
    const ignored = (name: string): boolean => name === 'norm';
    for (const windowBytes of [128 * 12, 256 * 12, 5000]) {
      const plan = planWeights(transposed, specs, int4, { windowBytes, ignored });
      expect(sorted(plannedBytes(plan))).toBe(sorted(expectedBytes(pieces, transposed, 300)));
      for (const { length, windows } of plan.reads) {
        expect(length).toBeLessThanOrEqual(windowBytes);
        for (const { shape } of windows) expect('columns' in shape && (shape.columns?.first ?? 0) % 128).toBe(0);
      }
    }
    const plan = (spec: MatrixSpec, windowBytes = 5000) =>
      planWeights(transposed, [spec], int4, { windowBytes, ignored });
    expect(() => plan(matrix('m', 6, 300, ...pieces), 128 * 12 - 1)).toThrow(/128 rows of tensor w have 1536 bytes/);
    expect(() => plan(matrix('m', 6, 150, ...pieces))).toThrow(/takes 900 of its 1800 elements/);
    expect(() => plan(matrix('m', 300, 6, { ...wholeTensor('w', 300), isTransposed: true }))).toThrow(
      /w has shape \[300, 6\], m expects \[6, 300\]/,
    );
    expect(() => plan(matrix('m', 2, 300, part(0, 2, 0)))).toThrow(/takes 600 of its 1800 elements/);
  });

  it('see the last dimensions of a tensor as its columns', () => {
    const checkpoint = checkpointOf({ conv: ['F32', 4, 3, 2, 2], experts: ['F32', 2, 3, 5] });
    const specs = [matrix('conv', 4, 12, wholeTensor('conv', 4)), matrix('experts', 6, 5, wholeTensor('experts', 6))];
    expect(planWeights(checkpoint, specs, keep, options).readBytes).toBe((48 + 30) * 4);
  });
});

describe('planWeights: tensors of several transposed matrices', () => {
  const part = (slice: number, dst: number): WeightPiece => ({
    ...wholeTensor('w', 6, dst),
    isTransposed: true,
    slice,
  });

  it.each([[[450, 6]], [[3, 150, 6]]])('as %j: every matrix comes from its own rows', (shape) => {
    const stack = checkpointOf({ w: ['F16', ...shape] });
    const pieces = [part(1, 0), part(2, 8), part(0, 16)];
    for (const windowBytes of [128 * 12, 5000]) {
      const plan = planWeights(stack, [matrix('m', 24, 150, ...pieces)], keep, { windowBytes });
      expect(sorted(plannedBytes(plan))).toBe(sorted(expectedBytes(pieces, stack, 150)));
    }
    const planOf = (...some: WeightPiece[]) =>
      planWeights(stack, [matrix('m', 32, 150, ...some)], keep, { windowBytes: 5000 });
    expect(() => planOf(...pieces, part(3, 24))).toThrow(/m expects \[600, 6\]/);
    expect(() => planOf(part(0, 0), part(2, 8))).toThrow(/takes 900 of its 2700 elements/);
  });
});

describe('planWeights: what does not fit', () => {
  const checkpoint = checkpointOf({
    w: ['F32', 8, 64],
    int: ['I8', 8, 64],
    norm: ['F32', 64],
    'model.layers.0.self_attn.rotary_emb.inv_freq': ['F32', 16],
  });
  const norm = vector('norm', 64, wholeTensor('norm', 64));
  const whole = matrix('m', 8, 64, wholeTensor('w', 8));
  const rest = { ...options, ignored: (name: string) => name === 'int' };

  it('accepts the matching specs', () => {
    expect(planWeights(checkpoint, [whole, norm], keep, rest).weights).toHaveLength(2);
  });

  it.each<[string, MatrixSpec | VectorSpec, string, RegExp]>([
    ['a missing tensor', matrix('m', 8, 64, wholeTensor('x', 8)), 'tensor_missing', /m lacks tensor x/],
    ['another dtype', matrix('m', 8, 64, wholeTensor('int', 8)), 'tensor_mismatch', /int has dtype I8, expected F32/],
    [
      'other columns',
      matrix('m', 8, 32, wholeTensor('w', 8)),
      'tensor_mismatch',
      /w has shape \[8, 64\], m expects \[8, 32\]/,
    ],
    ['columns between dimensions', matrix('m', 8, 65, wholeTensor('w', 8)), 'tensor_mismatch', /m expects \[8, 65\]/],
    ['too few rows', matrix('m', 16, 64, wholeTensor('w', 16)), 'tensor_mismatch', /\[8, 64\], m expects \[16, 64\]/],
    ['too many rows', matrix('m', 4, 64, wholeTensor('w', 4)), 'tensor_mismatch', /takes 256 of its 512 elements/],
    ['a longer vector', vector('n', 65, wholeTensor('norm', 65)), 'tensor_mismatch', /\[64\], n expects \[65\]/],
    ['a shorter vector', vector('n', 63, wholeTensor('norm', 63)), 'tensor_mismatch', /takes 63 of its 64 elements/],
  ])('refuses %s', (_, spec, code, message) => {
    const plan = () => planWeights(checkpoint, [spec], keep, { ...options, ignored: () => true });
    expect(plan).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message), hint: expect.any(String) }),
    );
  });

  it('refuses rows left out in the middle', () => {
    const pieces = [
      { ...wholeTensor('w', 3), numRows: 3 },
      { ...wholeTensor('w', 4, 3), firstRow: 4 },
    ];
    const plan = () => planWeights(checkpoint, [matrix('m', 7, 64, ...pieces), norm], keep, rest);
    expect(plan).toThrow(/takes 192 of its 512 elements/);
  });

  it('refuses tensors that nobody takes, except rope tables and what is ignored', () => {
    expect(() => planWeights(checkpoint, [whole], keep, options)).toThrow(
      expect.objectContaining({
        code: 'tensor_unexpected',
        message: expect.stringMatching(/does not use: int, norm\./),
      }),
    );
  });

  it('refuses matrices beyond the limit of a buffer, and rows beyond the window', () => {
    expect(() => planWeights(checkpoint, [whole, norm], keep, { ...rest, maxBufferBytes: 2047 })).toThrow(
      expect.objectContaining({ code: 'unsupported_model', message: expect.stringMatching(/2048 bytes.* 2047/) }),
    );
    expect(() => planWeights(checkpoint, [whole, norm], keep, { ...rest, windowBytes: 255 })).toThrow(
      expect.objectContaining({ code: 'unsupported_model', message: expect.stringMatching(/row of tensor w has 256/) }),
    );
  });

  it('refuses specs whose rows leave the matrix', () => {
    const wrong = matrix('m', 8, 64, wholeTensor('w', 8, 1));
    expect(() => planWeights(checkpoint, [wrong, norm], keep, rest)).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
  });
});
