// Packs the plan of a step into the words that kernels read: rows, query tiles, rows to sample. CPU side only; the
// arrays are made once and filled again every step.
import { FROM_STATE, IMAGE_ROW } from '@pagemind/kernels-wgsl';
import type { ScheduledSequence } from './runner.js';

const ROW_WORDS = 4;
/** Word of a row that holds its token. */
const TOKEN_WORD = 2;
const TILE_WORDS = 4;

/** Where a sequence's tokens lie in the step. */
export interface RowRange {
  readonly first: number;
  readonly count: number;
}

export class InputBatch {
  /** Row structs {slot, position, token, rope row}, `[maxRows, 4]`. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Tile structs {slot, first row, rows, first position}, `[maxRows, 4]`. */
  readonly tiles: Uint32Array<ArrayBuffer>;
  /** Row of every token that one is sampled after, `[maxRows]`. */
  readonly sampleRows: Uint32Array<ArrayBuffer>;
  numRows = 0;
  numTiles = 0;
  numSampled = 0;
  /** Every sequence has one token: the step takes the decode path. */
  isDecode = false;
  readonly #hasDecodePath: boolean;

  /** @param hasDecodePath without it every step takes the path of prefill */
  constructor(maxRows: number, hasDecodePath = true) {
    this.#hasDecodePath = hasDecodePath;
    this.rows = new Uint32Array(maxRows * ROW_WORDS);
    this.tiles = new Uint32Array(maxRows * TILE_WORDS);
    this.sampleRows = new Uint32Array(maxRows);
  }

  /**
   * Lays the sequences out one after the other.
   * @param tileTokens most rows of a query tile
   * @param ropeBase first row of each slot's rotary table
   * @returns the rows of each sequence, in the plan's order
   */
  fill(
    sequences: readonly ScheduledSequence[],
    tileTokens: number,
    ropeBase: (slot: number) => number,
  ): readonly RowRange[] {
    this.numRows = 0;
    this.numTiles = 0;
    this.numSampled = 0;
    this.isDecode = this.#hasDecodePath && sequences.every(({ tokens }) => tokens.length <= 1);
    return sequences.map((sequence) => {
      const { slot, startPosition, tokens, images, sample, numProposed } = sequence;
      const count = Math.max(tokens.length, 1);
      const first = this.numRows;
      const rope = ropeBase(slot) + startPosition;
      for (let i = 0; i < count; i++) {
        this.rows.set([slot, startPosition + i, tokens[i] ?? FROM_STATE, rope + i], (first + i) * ROW_WORDS);
      }
      for (const { firstToken, numRows } of images) {
        for (let i = 0; i < numRows; i++) this.rows[(first + firstToken + i) * ROW_WORDS + TOKEN_WORD] = IMAGE_ROW;
      }
      for (let i = 0; i < count; i += tileTokens) {
        const tile = [slot, first + i, Math.min(tileTokens, count - i), startPosition + i];
        this.tiles.set(tile, this.numTiles++ * TILE_WORDS);
      }
      this.numRows += count;
      const firstSampled = sample ? this.numRows - 1 - numProposed : this.numRows;
      for (let row = firstSampled; row < this.numRows; row++) this.sampleRows[this.numSampled++] = row;
      return { first, count };
    });
  }
}
