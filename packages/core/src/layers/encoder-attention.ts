// Bidirectional attention of a vision tower: every row of a window sees all its rows, nothing is cached. What gathers a
// tower's rows in others (vlm/resampler.ts) sees them in the same way.
import {
  attentionEncoder,
  type DeviceProfile,
  encoderTileRows,
  relativeScores,
  turnHeads,
} from '@pagemind/kernels-wgsl';
import type { LoadedVector } from '../load/weight-loader.js';
import { type KernelContext, rowStride } from './context.js';

/** The numbers of a tower that attention depends on. */
export interface EncoderAttentionConfig {
  readonly numHeads: number;
  readonly headDim: number;
}

export interface EncoderAttentionUse {
  /** `[numRows, 3 * numHeads * headDim]` f32: queries, keys, values. */
  readonly qkv: GPUBuffer;
  /** `[numRows, numHeads * headDim]` f32 */
  readonly out: GPUBuffer;
  /** What {@link attentionTiles} gives. */
  readonly tiles: GPUBuffer;
  readonly numTiles: number;
  /** What {@link relativePositions} gave; the keys of every tile are a square with this side. */
  readonly relative?: { readonly scores: GPUBuffer; readonly side: number };
}

/** Attends every row to those that its tile names. */
export function encoderAttention(
  { profile, dispatch }: KernelContext,
  config: EncoderAttentionConfig,
  { qkv, out, tiles, numTiles, relative }: EncoderAttentionUse,
): void {
  const shape = { ...shapeOf(config, numTiles), ...(relative && { relativeSide: relative.side }) };
  const bound = { qkv, out, tiles, ...(relative && { relative: relative.scores }) };
  dispatch(attentionEncoder.plan(shape, profile), bound);
}

/** What relative positions are computed from. */
export interface RelativePositionsUse {
  /** `[numRows, 3 * numHeads * headDim]` f32, squares of rows one behind the other. */
  readonly qkv: GPUBuffer;
  /** `[numRows, numHeads, 2 * side]` f32 */
  readonly relative: GPUBuffer;
  readonly numRows: number;
  readonly side: number;
  /** Learned rows for distances of lines, then of columns, `[2, 2 * side - 1, headDim]`. */
  readonly distances: LoadedVector;
}

/** What the distances of lines and columns add to scores, for every row. */
export function relativePositions(
  { profile, dispatch }: KernelContext,
  { numHeads, headDim }: EncoderAttentionConfig,
  { qkv, relative, numRows, side, distances }: RelativePositionsUse,
): void {
  const shape = { numRows, numHeads, headDim, side, qkvStride: rowStride(3 * numHeads * headDim) };
  dispatch(relativeScores.plan(shape, profile), { qkv, distances: distances.buffer, relative });
}

/** Turns queries and keys, in place, by the angles of each row: f32 `[numRows, headDim / 2, 2]`, (cos, sin). */
export function turnEncoderHeads(
  { profile, dispatch }: KernelContext,
  { numHeads, headDim }: EncoderAttentionConfig,
  { qkv, turns, numRows }: { readonly qkv: GPUBuffer; readonly turns: GPUBuffer; readonly numRows: number },
): void {
  const shape = { numRows, numHeads, headDim, qkvStride: rowStride(3 * numHeads * headDim) };
  dispatch(turnHeads.plan(shape, profile), { qkv, turns });
}

/**
 * Query tiles for windows of rows: {first query, queries, first key, keys}, u32 `[numTiles, 4]`.
 * @param windows rows of each window; windows follow one another
 */
export function attentionTiles(
  config: EncoderAttentionConfig,
  profile: DeviceProfile,
  windows: readonly number[],
): Uint32Array<ArrayBuffer> {
  const tiles: number[] = [];
  let first = 0;
  for (const numRows of windows) {
    tiles.push(...cut(config, profile, { firstRow: first, numRows, firstKey: first, numKeys: numRows }));
    first += numRows;
  }
  return new Uint32Array(tiles);
}

/** Query tiles for the first `numQueries` rows, which see the keys of the first `numKeys` rows. */
export function crossTiles(
  config: EncoderAttentionConfig,
  profile: DeviceProfile,
  numQueries: number,
  numKeys: number,
): Uint32Array<ArrayBuffer> {
  return new Uint32Array(cut(config, profile, { firstRow: 0, numRows: numQueries, firstKey: 0, numKeys }));
}

/** Rows, and the rows whose keys they see. */
interface Span {
  readonly firstRow: number;
  readonly numRows: number;
  readonly firstKey: number;
  readonly numKeys: number;
}

function cut(
  config: EncoderAttentionConfig,
  profile: DeviceProfile,
  { firstRow, numRows, firstKey, numKeys }: Span,
): number[] {
  const tileRows = encoderTileRows(shapeOf(config, 0), profile);
  const tiles: number[] = [];
  for (let row = 0; row < numRows; row += tileRows) {
    tiles.push(firstRow + row, Math.min(tileRows, numRows - row), firstKey, numKeys);
  }
  return tiles;
}

function shapeOf({ numHeads, headDim }: EncoderAttentionConfig, numTiles: number) {
  return {
    numTiles,
    numHeads,
    headDim,
    scale: 1 / Math.sqrt(headDim),
    qkvStride: rowStride(3 * numHeads * headDim),
    outStride: rowStride(numHeads * headDim),
  };
}
