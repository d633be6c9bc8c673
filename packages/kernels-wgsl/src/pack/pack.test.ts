// pack against the CPU packers, bit for bit: every kind, row mappings over several windows, and exact conversions.
import {
  bf16ToF32,
  f16ToF32,
  f32ToBf16,
  f32ToBits,
  f32ToF16,
  type WeightFormatOptions,
  weightSlot,
} from '@pagemind/quant';
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom, type Random } from '../../testing/parity.js';
import { type Buffers, runKernels } from '../../testing/run.js';
import { makeBlocks } from '../../testing/weights.js';
import {
  isF8,
  numFactors,
  type PackShape,
  type PackSource,
  type PackTarget,
  pack,
  packKinds,
  packParams,
  packUnits,
} from './pack.js';
import { type PackPiece, packReference } from './pack.reference.js';

/** Raw elements for a shape; rows take turns in being hard to quantise. */
function makeWindow({ source, sourceStart, numRows, numCols }: PackShape, random: Random): Uint32Array {
  const rows = [
    (scale: number) => random.normal() * scale,
    () => Math.abs(random.normal()), // all on one side of 0
    () => (random.int(31) - 10) / 2, // ties, once a group spans -5 to 10
    () => -0.1875, // all equal
    () => random.normal() * 2e-7, // near or below the least scale
    () => 0,
  ];
  const values = Float32Array.from({ length: sourceStart + numRows * numCols }, (_, i) => {
    const row = Math.max(0, Math.floor((i - sourceStart) / numCols));
    return rows[row % rows.length]?.(10 ** (random.int(5) - 3)) ?? 0;
  });
  if (source === 'f32') return new Uint32Array(values.buffer);
  if (isF8(source)) return Uint32Array.from({ length: Math.ceil(values.length / 4) }, () => random.int(2 ** 32));
  if (source !== 'f16' && source !== 'bf16') {
    const blocks = makeBlocks(source, values.length / packUnits[source].columns, random);
    const words = new Uint32Array(Math.ceil(blocks.length / 4));
    new Uint8Array(words.buffer).set(blocks);
    return words;
  }
  const halves = new Uint16Array(Math.ceil(values.length / 2) * 2);
  halves.set(Uint16Array.from(values, source === 'f16' ? f32ToF16 : f32ToBf16));
  return new Uint32Array(halves.buffer);
}

/** Buffers of a dispatch that starts from empty planes. */
function emptyLike(planes: object): Record<string, Uint32Array> {
  return Object.fromEntries(
    Object.entries(planes).map(([name, plane]: [string, Uint32Array]) => [name, new Uint32Array(plane.length)]),
  );
}

function makeShape(source: PackSource, target: PackTarget, numRows: number, numCols: number, rest = {}): PackShape {
  return { source, target, numRows, numCols, sourceStart: 0, dst: 0, block: numRows, stride: numRows, ...rest };
}

describeParity<PackShape>({
  kernel: pack,
  shapes: packKinds.flatMap(({ source, target }) => {
    const { columns } = packUnits[source];
    const fit = (wanted: number): number => Math.ceil(wanted / columns) * columns;
    return [
      makeShape(source, target, 6, fit(48)),
      makeShape(source, target, 7, fit(300), { sourceStart: 3 * columns }),
      makeShape(source, target, 12, columns, { sourceStart: columns }),
      ...(isF8(source) ? [makeShape(source, target, 5, 300, { sourceStart: 2, factorCols: 128 })] : []),
      makeShape(source, target, 3, fit(100), { pitch: 128 }),
      makeShape(source, target, 16, fit(40), { headDim: 8 }),
    ];
  }),
  accepts: (variant, { source, target }) =>
    variant.id === `${source.toLowerCase()}-${typeof target === 'string' ? target : weightSlot(target).id}`,
  makeCase(shape, _variant, random) {
    const window = makeWindow(shape, random);
    const factors = isF8(shape.source) ? random.normals(numFactors(shape), 0.01) : undefined;
    const planes = packReference([{ shape, window, ...(factors && { factors }) }], shape.numRows);
    if (shape.target === 'inverse_norms') {
      const vector = new Float32Array((planes as { vector: Uint32Array }).vector.buffer);
      const buffers = { vector: new Float32Array(vector.length), source: window, params: packParams(shape) };
      return { shape, buffers, expected: { vector: Float64Array.from(vector) } };
    }
    const expected = Object.entries(planes).map(([name, plane]) => [name, Float64Array.from(plane)]);
    return {
      shape,
      buffers: { ...emptyLike(planes), source: window, params: packParams(shape), ...(factors && { factors }) },
      expected: Object.fromEntries(expected),
    };
  },
  tolerance: ({ id }) => (id.endsWith('norms') ? 1e-5 : 0),
});

/** Runs pieces one after the other into the same planes. */
async function packPieces(pieces: readonly PackPiece[], planes: object): Promise<Buffers> {
  const test = await testDevice();
  let buffers: Buffers = emptyLike(planes);
  for (const { shape, window } of pieces) {
    const plan = pack.plan(shape, test.profile);
    const { source, params, ...written } = await runKernels<Buffers>(test, [plan], {
      ...buffers,
      source: window,
      params: packParams(shape),
    });
    buffers = written;
  }
  return buffers;
}

describe('pack puts rows where they belong', () => {
  const int4: WeightFormatOptions = { format: 'int4', groupSize: 32, hasZeros: true };
  const f16: WeightFormatOptions = { format: 'f16', groupSize: 0, hasZeros: false };

  it.each([
    ['int4', int4],
    ['f16', f16],
  ])('%s: two tensors interleaved by 4 rows, in windows that cut blocks', async (_name, target) => {
    const random = makeRandom(1);
    const at = (dst: number, numRows: number): PackShape =>
      makeShape('bf16', target, numRows, 60, { sourceStart: 5, dst, block: 4, stride: 8 });
    // Tensor A is 8 rows from one window; B comes as two windows, and the second starts at row 4 of it.
    const shapes = [at(0, 8), at(4, 4), at(12, 3), at(15, 1)];
    const pieces = shapes.map((shape) => ({ shape, window: makeWindow(shape, random) }));
    const planes = packReference(pieces, 16);
    expect(await packPieces(pieces, planes)).toEqual(planes);
  });

  it('joins tensors whose row counts are not multiples of 4', async () => {
    const random = makeRandom(2);
    const shapes = [0, 3, 8].map((dst, i) => makeShape('f32', int4, [3, 5, 2][i] ?? 0, 48, { dst }));
    const pieces = shapes.map((shape) => ({ shape, window: makeWindow(shape, random) }));
    const planes = packReference(pieces, 10);
    expect(await packPieces(pieces, planes)).toEqual(planes);
  });

  it.each([
    ['int4', { format: 'int4', groupSize: 64, hasZeros: true }],
    ['f16', f16],
    ['f32', { format: 'f32', groupSize: 0, hasZeros: false }],
  ] as const)('%s: columns that are stored one after the other, in several windows', async (_name, target) => {
    const random = makeRandom(4);
    // The tensor has 11 rows of W, of which W takes 9 from the third on; 150 columns in two windows.
    const pieces = [
      { first: 0, count: 128, step: 11 },
      { first: 128, count: 22, step: 11 },
    ].map((columns) => {
      const shape = makeShape('f16', target, 9, 150, { sourceStart: 2, columns });
      const numStored = columns.count * columns.step;
      return { shape, window: makeWindow({ ...shape, numRows: 1, numCols: numStored }, random) };
    });
    const planes = packReference(pieces, 9);
    expect(await packPieces(pieces, planes)).toEqual(planes);
  });

  it('spreads a vector as rows of length 1', async () => {
    const random = makeRandom(3);
    const shapes = [0, 4].map((dst) => makeShape('f16', 'vector', 8, 1, { sourceStart: 1, dst, block: 4, stride: 8 }));
    const pieces = shapes.map((shape) => ({ shape, window: makeWindow(shape, random) }));
    const planes = packReference(pieces, 16);
    expect(await packPieces(pieces, planes)).toEqual(planes);
  });
});

it('adds to the elements of a vector, and scales them', async () => {
  const shape = makeShape('bf16', 'vector', 1, 40, { sourceStart: 3, offset: 1, scale: 0.25 });
  const piece = { shape, window: makeWindow(shape, makeRandom(4)) };
  const planes = packReference([piece], 1);
  expect(await packPieces([piece], planes)).toEqual(planes);
});

describe('pack converts exactly', () => {
  it.each(['f16', 'bf16'] as const)('every %s to f32', async (source) => {
    const infinity = source === 'f16' ? 0x7c00 : 0x7f80;
    const halves = Uint16Array.from({ length: 65536 }, (_, bits) => ((bits & 0x7fff) < infinity ? bits : 0));
    const shape = makeShape(source, 'vector', 256, 256);
    const expected = Uint32Array.from(halves, (bits) => f32ToBits(source === 'f16' ? f16ToF32(bits) : bf16ToF32(bits)));
    const piece = { shape, window: new Uint32Array(halves.buffer) };
    expect(await packPieces([piece], { vector: expected })).toEqual({ vector: expected });
  });

  it('f32 to f16 at and beside every midpoint', async () => {
    // Row by row: the f32 before a midpoint, the midpoint, the one after.
    const window = Uint32Array.from({ length: 3 * 0x7c00 }, (_, i) => {
      const half = Math.floor(i / 3);
      const bits = f32ToBits((f16ToF32(half) + f16ToF32(Math.min(half + 1, 0x7bff))) / 2) + (i % 3) - 1;
      return half % 2 === 0 ? bits : (bits | 0x80000000) >>> 0;
    });
    const target = { format: 'f16', groupSize: 0, hasZeros: false } as const;
    const piece = { shape: makeShape('f32', target, 186, 512), window };
    const planes = packReference([piece], 186);
    expect(await packPieces([piece], planes)).toEqual(planes);
  });

  it('saturates f16', async () => {
    const window = Uint32Array.from([65519, 65520, 3e38, -7e4, 1e-9, -1e-40], f32ToBits);
    const target = { format: 'f16', groupSize: 0, hasZeros: false } as const;
    const piece = { shape: makeShape('f32', target, 1, 6), window };
    const planes = packReference([piece], 1);
    expect(await packPieces([piece], planes)).toEqual(planes);
  });

  it('quantises many groups to the same codes as the CPU', async () => {
    for (const hasZeros of [false, true]) {
      const shape = makeShape('f32', { format: 'int4', groupSize: 32, hasZeros }, 240, 512);
      const piece = { shape, window: makeWindow(shape, makeRandom(4)) };
      const planes = packReference([piece], 240);
      expect(await packPieces([piece], planes)).toEqual(planes);
    }
  });
});
