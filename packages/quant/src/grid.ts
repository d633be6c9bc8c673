// How checkpoints of others lay out a matrix of small numbers (codes, zero points, scales): which numbers share a word, and
// in which order. What the numbers mean, and how a tensor is recognised, is the loader's business.

/** A matrix of numbers in 32-bit words. A line is one row of it, or one column if it is stored transposed. */
export interface GridLayout {
  /** Bits of a number. */
  readonly bits: 4 | 8 | 16 | 32;
  /** Lines are columns, and rows run along them. */
  readonly isTransposed: boolean;
  /** Numbers that share a word lie at the same place of neighbouring lines, not beside each other in one. */
  readonly isAcross: boolean;
  /** The eight numbers of a word are in AWQ's order: 0, 2, 4, 6, 1, 3, 5, 7. */
  readonly isInterleaved: boolean;
  /** Numbers between lines, padding included; words, if numbers of several lines share one. */
  readonly pitch: number;
}

/** Word of the number at `row`, `column`, and its place in the word, counted in numbers from the lowest bits. */
export function gridPlace(layout: GridLayout, row: number, column: number): { word: number; lane: number } {
  const { bits, isTransposed, isAcross, isInterleaved, pitch } = layout;
  const perWord = 32 / bits;
  const [line, at] = isTransposed ? [column, row] : [row, column];
  if (isAcross) return { word: Math.floor(line / perWord) * pitch + at, lane: line % perWord };
  const index = line * pitch + at;
  const lane = index % perWord;
  return { word: Math.floor(index / perWord), lane: isInterleaved ? (lane % 2) * 4 + (lane >> 1) : lane };
}

/** Bits of the number at `row`, `column`. */
export function gridNumber(words: Uint32Array, layout: GridLayout, row: number, column: number): number {
  const { word, lane } = gridPlace(layout, row, column);
  const { bits } = layout;
  const shifted = (words[word] ?? 0) >>> (lane * bits);
  return bits === 32 ? shifted : shifted & (2 ** bits - 1);
}

/** Puts numbers into the words of a layout; every number fits its bits. */
export function writeGrid(
  layout: GridLayout,
  numRows: number,
  numCols: number,
  numberAt: (row: number, column: number) => number,
): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(gridPlace(layout, numRows - 1, numCols - 1).word + 1);
  for (let row = 0; row < numRows; row++) {
    for (let column = 0; column < numCols; column++) {
      const { word, lane } = gridPlace(layout, row, column);
      words[word] = (words[word] as number) | (numberAt(row, column) << (lane * layout.bits));
    }
  }
  return words;
}
