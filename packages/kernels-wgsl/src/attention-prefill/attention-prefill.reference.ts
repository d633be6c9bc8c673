// f64 reference of attention-prefill, and its test cases.
import type { ParityCase, Random } from '../../testing/parity.js';
import { attendReference, makePaged, makeQkv, type PagedShape, packKv } from '../kv-write/paged.reference.js';
import type { AttentionPrefillShape } from './attention-prefill.js';

/** New tokens of one sequence: slot i has `past` tokens in the cache before its `count` new ones. */
export interface Run {
  readonly past: number;
  readonly count: number;
}

/** A shape with the runs that a test gives it. */
export interface PrefillCaseShape extends AttentionPrefillShape, PagedShape {
  readonly runs: readonly Run[];
}

/** Shape of a test from what matters; pages of 8 tokens unless said. There is a tile for every row, most of them empty. */
export function prefillShape(
  sizes: Pick<PrefillCaseShape, 'headDim' | 'numQueryHeads' | 'numKvHeads' | 'runs'> & Partial<PrefillCaseShape>,
): PrefillCaseShape {
  const { headDim, numQueryHeads, numKvHeads, runs, pageSize = 8 } = sizes;
  return {
    kvType: 'f16',
    pageSize,
    maxPages: Math.ceil(Math.max(...runs.map(({ past, count }) => past + count)) / pageSize),
    rotaryDim: headDim,
    scale: 1 / Math.sqrt(headDim),
    numTiles: runs.reduce((sum, { count }) => sum + count, 0),
    qkvStride: Math.ceil(((numQueryHeads + 2 * numKvHeads) * headDim) / 32) * 32,
    outStride: Math.ceil((numQueryHeads * headDim) / 32) * 32,
    ...sizes,
  };
}

/** `tiles` binding: every run cut to at most `tileTokens`, then empty tiles. */
export function packTiles(shape: PrefillCaseShape, tileTokens: number): Uint32Array {
  const tiles: number[] = [];
  let row = 0;
  for (const [slot, { past, count }] of shape.runs.entries()) {
    for (let i = 0; i < count; i += tileTokens) {
      tiles.push(slot, row + i, Math.min(tileTokens, count - i), past + i);
    }
    row += count;
  }
  return Uint32Array.from({ length: 4 * shape.numTiles }, (_, i) => tiles[i] ?? 0);
}

/** A case whose cache holds past and new tokens, and whose q counts as turned. */
export function makePrefillCase(
  shape: PrefillCaseShape,
  tileTokens: number,
  random: Random,
): ParityCase<PrefillCaseShape> {
  const numRows = shape.runs.reduce((sum, { count }) => sum + count, 0);
  const data = makePaged(shape, shape.runs.length, random);
  const qkv = makeQkv(shape, numRows, random);
  const out = new Float64Array(numRows * shape.outStride).fill(7); // the padding must stay
  let row = 0;
  for (const [slot, { past, count }] of shape.runs.entries()) {
    for (let i = 0; i < count; i++, row++) {
      const queries = qkv.subarray(row * shape.qkvStride, (row + 1) * shape.qkvStride);
      out.set(
        attendReference(shape, data, queries, { slot, position: past + i }, 0, past + i).output,
        row * shape.outStride,
      );
    }
  }
  return {
    shape,
    buffers: {
      kv: packKv(shape, data),
      qkv,
      tiles: packTiles(shape, tileTokens),
      page_table: data.pageTable,
      learned: data.learned,
      out: new Float32Array(out.length).fill(7),
    },
    expected: { out },
  };
}
