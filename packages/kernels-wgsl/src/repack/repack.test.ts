// repack against quant's formats, bit for bit: every layout whole, and in windows of rows or columns that go to any rows.
import { gridPlace, type PlaneName, type WeightFormatOptions } from '@pagemind/quant';
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom, type Random } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { type RepackShape, type RepackSource, type RepackTarget, repack, repackParams } from './repack.js';
import { type RepackTensor, repackReference, SOURCE_BITS } from './repack.reference.js';

type Layout = RepackShape['layout'];

const inRows: Layout = { isTransposed: false, isAcross: false, isInterleaved: false, pitch: 0 };
const layouts: Readonly<Record<string, Layout>> = {
  rows: inRows,
  columns: { ...inRows, isTransposed: true },
  awq: { ...inRows, isTransposed: true, isInterleaved: true },
  gptq: { ...inRows, isTransposed: true, isAcross: true },
  'rows that share words': { ...inRows, isAcross: true },
};

/** A layout with the pitch of a matrix of numbers, `extra` of them padding. */
function pitched(layout: Layout, source: RepackSource, rows: number, cols: number, extra = 0): Layout {
  const perWord = 32 / SOURCE_BITS[source];
  const length = layout.isTransposed ? rows : cols;
  const isWhole = !layout.isAcross && (source === 'u4' || source === 'u8');
  return {
    ...layout,
    pitch: (isWhole ? Math.ceil(length / perWord) * perWord : length) + extra * (isWhole ? perWord : 1),
  };
}

/** Random numbers of a matrix in a layout. Floats keep within what a half holds. */
function makeTensor(
  source: RepackSource,
  layout: Layout,
  rows: number,
  cols: number,
  random: Random,
  added = 0,
): RepackTensor {
  const bits = SOURCE_BITS[source];
  const last = gridPlace({ ...layout, bits }, rows - 1, cols - 1).word;
  const words = Uint32Array.from({ length: last + layout.pitch + 8 }, () => {
    if (bits <= 8) return random.int(2 ** 32);
    if (source === 'f32') return new Uint32Array(Float32Array.of(random.normal()).buffer)[0] ?? 0;
    const half = (): number => (random.int(2) << 15) | ((source === 'f16' ? 0x2c00 : 0x3d00) + random.int(0x300));
    return (half() | (half() << 16)) >>> 0;
  });
  return { shape: { source, layout, added }, words };
}

interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly options: WeightFormatOptions;
}

const planeOf: Readonly<Record<RepackTarget, PlaneName>> = { codes: 'weight', zeros: 'zeros', halves: 'scales' };

/** Shape of a whole tensor. */
function wholeShape({ rows, cols, options }: Matrix, target: RepackTarget, tensor: RepackTensor['shape']): RepackShape {
  const perRow = Math.ceil(cols / options.groupSize);
  const numGroups = target === 'codes' ? cols / 32 : perRow;
  const rowGroups = target === 'zeros' && options.numTables ? perRow + 1 : numGroups;
  const place = { dst: 0, block: rows, stride: rows, sourceStart: 0, firstRow: 0, firstColumn: 0 };
  return { ...tensor, ...place, target, numRows: rows, numGroups, firstGroup: 0, rowGroups };
}

/** Random tensors of a matrix, codes and zero points in one layout, scales beside each other. */
function makeTensors({ rows, cols, options }: Matrix, layout: Layout, floats: RepackSource, random: Random) {
  const numbers = options.format === 'int4' ? 'u4' : 'u8';
  const perRow = Math.ceil(cols / options.groupSize);
  const scaleLayout = { ...inRows, isTransposed: layout.isTransposed };
  const make = (source: RepackSource, from: Layout, width: number, added = 0): RepackTensor =>
    makeTensor(source, pitched(from, source, rows, width, 1), rows, width, random, added);
  return {
    weight: make(numbers, layout, cols),
    scales: make(floats, scaleLayout, perRow),
    zeros: make(numbers, layout, perRow, 1),
  };
}

const matrices: readonly Matrix[] = [
  { rows: 16, cols: 64, options: { format: 'int4', groupSize: 32, hasZeros: true } },
  { rows: 13, cols: 320, options: { format: 'int4', groupSize: 64, hasZeros: true } },
  { rows: 8, cols: 96, options: { format: 'int8', groupSize: 32, hasZeros: true, numTables: 1 } },
  { rows: 6, cols: 288, options: { format: 'int8', groupSize: 128, hasZeros: true } },
];

interface TestShape extends RepackShape {
  readonly matrix: Matrix;
  readonly kind: string;
}

const shapes = matrices.flatMap((matrix): TestShape[] =>
  Object.entries(layouts).flatMap(([kind, layout]) => {
    if (layout.isInterleaved && matrix.options.format === 'int8') return [];
    const numbers: RepackSource = matrix.options.format === 'int4' ? 'u4' : 'u8';
    const shape = (target: RepackTarget, source: RepackSource): TestShape => {
      return { ...wholeShape(matrix, target, { source, layout, added: 0 }), matrix, kind };
    };
    return [
      shape('codes', numbers),
      shape('zeros', numbers),
      ...(layout.isAcross || layout.isInterleaved
        ? []
        : (['f32', 'f16', 'bf16'] as const).map((f) => shape('halves', f))),
    ];
  }),
);

describeParity<TestShape>({
  kernel: repack,
  shapes,
  accepts: ({ id }, { target, source }) => id === `${target}-${source}`,
  makeCase(shape, _variant, random) {
    const { matrix, target, source } = shape;
    const floats = source === 'u4' || source === 'u8' ? 'f16' : source;
    const tensors = makeTensors(matrix, layouts[shape.kind] as Layout, floats, random);
    const plane = planeOf[target];
    const tensor = tensors[plane as 'weight'];
    const whole = { ...wholeShape(matrix, target, tensor.shape), matrix, kind: shape.kind };
    const expected = repackReference(matrix.rows, matrix.cols, matrix.options, tensors)[plane] as Uint32Array;
    // Tables are there before zero points are or-ed in.
    const none = { ...tensors.zeros, words: new Uint32Array(tensors.zeros.words.length) };
    const before = repackReference(matrix.rows, matrix.cols, matrix.options, {
      ...tensors,
      zeros: { ...none, shape: { ...none.shape, added: 0 } },
    })[plane] as Uint32Array;
    const start = target === 'zeros' ? before : new Uint32Array(before.length);
    return {
      shape: whole,
      buffers: { plane: start, source: tensor.words, params: repackParams(whole) },
      expected: { plane: Float64Array.from(expected) },
    };
  },
  tolerance: () => 0,
});

describe('repack puts windows where they belong', () => {
  const matrix: Matrix = { rows: 24, cols: 96, options: { format: 'int4', groupSize: 32, hasZeros: true } };
  const random = makeRandom(5);

  /** Runs windows of the plane of a target one after the other. */
  async function planeAfter(
    tensor: RepackTensor,
    length: number,
    windows: readonly RepackShape[],
  ): Promise<Uint32Array> {
    const test = await testDevice();
    let plane: Uint32Array = new Uint32Array(length);
    for (const shape of windows) {
      const buffers = { plane, source: tensor.words, params: repackParams(shape) };
      ({ plane } = await runKernels(test, [repack.plan(shape, test.profile)], buffers));
    }
    return plane;
  }

  it('columns by columns, each half of the rows interleaved by four', async () => {
    const tensors = makeTensors(matrix, layouts['awq'] as Layout, 'bf16', random);
    const rowOf = (row: number): number => (row % 8 < 4 ? 0 : 12) + Math.floor(row / 8) * 4 + (row % 4);
    const expected = repackReference(matrix.rows, matrix.cols, matrix.options, tensors, rowOf);
    for (const target of ['codes', 'zeros', 'halves'] as const) {
      const tensor = tensors[planeOf[target] as 'weight'];
      const whole = wholeShape(matrix, target, tensor.shape);
      const span = target === 'codes' ? 32 : 1;
      const windows = [0, 1].flatMap((half) =>
        [0, 1, 2].map((group): RepackShape => {
          const place = { numRows: 12, dst: half * 4, block: 4, stride: 8, firstRow: half * 12 };
          const lines = { numGroups: 1, firstGroup: group, firstColumn: group * span };
          return { ...whole, ...place, ...lines, sourceStart: group * span * tensor.shape.layout.pitch };
        }),
      );
      const plane = expected[planeOf[target]] as Uint32Array;
      expect(await planeAfter(tensor, plane.length, windows), target).toEqual(plane);
    }
  });

  it('rows by rows, from lines that share words', async () => {
    const tensors = makeTensors(matrix, layouts['rows that share words'] as Layout, 'f16', random);
    const expected = repackReference(matrix.rows, matrix.cols, matrix.options, tensors).zeros as Uint32Array;
    const whole = wholeShape(matrix, 'zeros', tensors.zeros.shape);
    // Words hold rows 0-7, 8-15, 16-23; windows cut them.
    const windows = [0, 5, 19].map((first, i, all): RepackShape => {
      const numRows = (all[i + 1] ?? 24) - first;
      const words = Math.floor(first / 8);
      const sourceStart = words * 8 * tensors.zeros.shape.layout.pitch;
      return { ...whole, numRows, dst: first, block: numRows, stride: numRows, firstRow: first % 8, sourceStart };
    });
    expect(await planeAfter(tensors.zeros, expected.length, windows)).toEqual(expected);
  });
});
