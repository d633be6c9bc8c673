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

describeParity<Shape>({
  kernel: kvWrite,
  shapes: dims.flatMap(([headDim, rotaryDim, numQueryHeads, numKvHeads]) =>
    (headDim < 64 ? (['f16', 'f32', 'int8', 'int4'] as const) : (['f16', 'int8', 'int4'] as const)).map((kvType) => ({
      kvType,
      headDim,
      rotaryDim,
      numQueryHeads,
      numKvHeads,
      numRows: tokens.length,
      pageSize: 4,
      maxPages: 4,
      qkvStride: Math.ceil(((numQueryHeads + 2 * numKvHeads) * headDim) / 32) * 32,
      scale: 1,
    })),
  ),
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
      buffers: { kv, qkv, rope: data.rope, rows: packRows(data, tokens), page_table: data.pageTable },
      expected: { kv: expectedKv(shape, data), qkv: expected },
    };
  },
  tolerance: () => 1e-5,
  accepts: (variant, shape) => variant.id === shape.kvType,
});
