// f64 reference of attention-decode and attention-reduce, and their test cases.
import type { ParityCase, Random } from '../../testing/parity.js';
import {
  attendReference,
  expectedKv,
  makePaged,
  makeQkv,
  type PagedShape,
  packKv,
  packRows,
  type Token,
  writeReference,
} from '../kv-write/paged.reference.js';
import { type AttentionDecodeShape, numSplitsOf } from './attention-decode.js';

/** A shape with the rows that a test gives it: row i is the last token of slot i, of `lengths[i]` tokens. */
export interface DecodeCaseShape extends AttentionDecodeShape, PagedShape {
  readonly lengths: readonly number[];
}

/** Shape of a test from what matters: pages of 8 tokens, splits of 16 keys, all elements turned, unless said. */
export function decodeShape(
  sizes: Pick<DecodeCaseShape, 'headDim' | 'numQueryHeads' | 'numKvHeads' | 'lengths'> & Partial<DecodeCaseShape>,
): DecodeCaseShape {
  const { headDim, numQueryHeads, numKvHeads, lengths } = sizes;
  const { pageSize = 8, splitSize = 16 } = sizes;
  const longest = Math.max(...lengths);
  const numSplits = numSplitsOf({ ...sizes, splitSize }, longest);
  return {
    kvType: 'f16',
    pageSize,
    splitSize,
    maxPages: Math.ceil(longest / pageSize) + 1,
    rotaryDim: headDim,
    scale: 1 / Math.sqrt(headDim),
    numRows: lengths.length,
    numSplits,
    qkvStride: Math.ceil(((numQueryHeads + 2 * numKvHeads) * headDim) / 32) * 32,
    outStride: Math.ceil((numQueryHeads * headDim) / 32) * 32,
    ...sizes,
  };
}

/** A case with all bindings of attention-decode and attention-reduce, and what they must hold after both. */
export function makeDecodeCase(shape: DecodeCaseShape, random: Random): ParityCase<DecodeCaseShape> {
  const { headDim, numQueryHeads, splitSize, outStride, numRows, numSplits, window = Number.POSITIVE_INFINITY } = shape;
  const data = makePaged(shape, numRows, random);
  const qkv = makeQkv(shape, numRows, random);
  const tokens: readonly Token[] = shape.lengths.map((length, slot) => ({ slot, position: length - 1 }));
  const kv = packKv(shape, data);
  const partials = new Float64Array(numSplits * numRows * numQueryHeads * (headDim + 4)).fill(Number.NaN);
  const out = new Float64Array(numRows * outStride).fill(7); // the padding must stay
  for (const [row, token] of tokens.entries()) {
    const queries = writeReference(shape, data, qkv, row, token);
    const firstSplit = Math.floor(Math.max(token.position + 1 - window, 0) / splitSize);
    for (let split = 0; (firstSplit + split) * splitSize <= token.position; split++) {
      const first = (firstSplit + split) * splitSize;
      const last = Math.min(first + splitSize - 1, token.position);
      const { top, sum, output } = attendReference(shape, data, queries, token, first, last);
      for (let h = 0; h < numQueryHeads; h++) {
        const entry = ((split * numRows + row) * numQueryHeads + h) * (headDim + 4);
        partials.set([top[h] ?? 0, sum[h] ?? 0, 0, 0], entry);
        partials.set(output.subarray(h * headDim, (h + 1) * headDim), entry + 4);
      }
    }
    out.set(attendReference(shape, data, queries, token, 0, token.position).output, row * outStride);
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
      partials: new Float32Array(partials.length).fill(7),
      out: new Float32Array(out.length).fill(7),
    },
    expected: { kv: expectedKv(shape, data), partials, out },
  };
}
