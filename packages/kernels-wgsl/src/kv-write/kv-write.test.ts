// kv-write: every variant against its f64 reference.
import { describeParity } from '../../testing/parity.js';
import { type KvWriteShape, kvWrite } from './kv-write.js';
import {
  expectedKv,
  makePaged,
  makeQkv,
  type PagedShape,
  packKv,
  packRows,
  writeReference,
} from './paged.reference.js';

type Shape = KvWriteShape & PagedShape;

/** What families do to heads, one after the other. Other caches hold keys that are exact only, so norms take f32. */
const beyond: readonly (Pick<Shape, 'headDim' | 'rotaryDim' | 'numQueryHeads' | 'numKvHeads'> & Partial<Shape>)[] = [
  { headDim: 16, rotaryDim: 16, numQueryHeads: 4, numKvHeads: 2, isInterleaved: true, kvType: 'f16' },
  { headDim: 32, rotaryDim: 12, numQueryHeads: 3, numKvHeads: 1, isInterleaved: true, lognLength: 3, kvType: 'f16' },
  { headDim: 60, rotaryDim: 12, numQueryHeads: 3, numKvHeads: 1, isInterleaved: true, lognLength: 3, kvType: 'int8' },
  { headDim: 60, rotaryDim: 20, numQueryHeads: 5, numKvHeads: 1, isInterleaved: true, lognLength: 3, kvType: 'int4' },
  { headDim: 16, rotaryDim: 8, numQueryHeads: 10, numKvHeads: 2, queryKeyNorm: 'head', normEpsilon: 0.05 },
  { headDim: 80, rotaryDim: 20, numQueryHeads: 2, numKvHeads: 1, queryKeyNorm: 'head', lognLength: 3 },
  { headDim: 256, rotaryDim: 0, numQueryHeads: 2, numKvHeads: 1, queryKeyNorm: 'head' },
  { headDim: 16, rotaryDim: 16, numQueryHeads: 10, numKvHeads: 2, queryKeyNorm: 'width', normEpsilon: 0.05 },
  { headDim: 128, rotaryDim: 128, numQueryHeads: 2, numKvHeads: 2, queryKeyNorm: 'width', isInterleaved: true },
];

const dims: readonly (readonly [headDim: number, rotaryDim: number, numQueryHeads: number, numKvHeads: number])[] = [
  [8, 8, 1, 1],
  [8, 4, 3, 1],
  [16, 0, 4, 2],
  [32, 32, 2, 2],
  [64, 64, 4, 1],
  [60, 20, 2, 1], // an odd number of units to a line
  [80, 20, 8, 1],
  [96, 96, 2, 1],
  [128, 64, 2, 2],
  [256, 256, 2, 1],
];

/** Rows of two sequences, the second starting inside a page. */
const tokens = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => (i < 5 ? { slot: 1, position: i } : { slot: 0, position: i }));

const plain = dims.flatMap(([headDim, rotaryDim, numQueryHeads, numKvHeads]) =>
  (headDim < 64 ? (['f16', 'f32', 'int8', 'int4'] as const) : (['f16', 'int8', 'int4'] as const)).map((kvType) => ({
    kvType,
    headDim,
    rotaryDim,
    numQueryHeads,
    numKvHeads,
  })),
);

describeParity<Shape>({
  kernel: kvWrite,
  shapes: [...plain, ...beyond].map((sizes) => ({
    kvType: 'f32',
    numRows: tokens.length,
    pageSize: 4,
    maxPages: 4,
    qkvStride: Math.ceil(((sizes.numQueryHeads + 2 * sizes.numKvHeads) * sizes.headDim) / 32) * 32,
    scale: 1,
    ...sizes,
  })),
  makeCase(shape, _variant, random) {
    const data = makePaged(shape, 2, random);
    const qkv = makeQkv(shape, shape.numRows, random);
    const kv = packKv(shape, data);
    const expected = Float64Array.from(qkv);
    for (const [row, token] of tokens.entries()) {
      expected.set(writeReference(shape, data, qkv, row, token), row * shape.qkvStride);
    }
    return {
      shape,
      buffers: {
        kv,
        qkv,
        rope: data.rope.length > 0 ? data.rope : new Float32Array(2),
        rows: packRows(data, tokens),
        page_table: data.pageTable,
        learned: data.learned,
      },
      expected: { kv: expectedKv(shape, data), qkv: expected },
    };
  },
  tolerance: () => 1e-5,
  accepts: (variant, shape) => variant.id === shape.kvType,
});
