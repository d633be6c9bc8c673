// The patches of a tile: how many there are in each direction, the windows that they form, which is the order that the tower
// has them in as rows, and the angles that stand for their places. What is computed of them is in vit.ts.
import { NO_ROW } from '@pagemind/kernels-wgsl';
import { patchesPerSide, type VisionConfig } from './vision-config.js';

/** Patches of a tile in each direction. */
export interface PatchGrid {
  readonly rows: number;
  readonly cols: number;
}

/** That of every tile, or, where images keep their shape, of the largest square. */
export function fullGrid(config: VisionConfig): PatchGrid {
  const side = patchesPerSide(config);
  return { rows: side, cols: side };
}

/** Width and height of a tile in pixels. What does not fill a patch is not looked at. */
export function tileSize(
  { positions, imageSize, patchSize }: VisionConfig,
  { rows, cols }: PatchGrid,
): { readonly width: number; readonly height: number } {
  if (positions === 'learned') return { width: imageSize, height: imageSize };
  return { width: cols * patchSize, height: rows * patchSize };
}

/** Windows of a tile, line by line; each is its patches, as numbers line by line. One holds all where there are none. */
export function windowsOf({ windows }: VisionConfig, { rows, cols }: PatchGrid): readonly (readonly number[])[] {
  const side = windows?.side ?? Math.max(rows, cols);
  const found: number[][] = [];
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < cols; left += side) {
      const patches: number[] = [];
      for (let y = top; y < Math.min(top + side, rows); y++) {
        for (let x = left; x < Math.min(left + side, cols); x++) patches.push(y * cols + x);
      }
      found.push(patches);
    }
  }
  return found;
}

/** Patches in the order of the tower's rows. */
export function patchOrder(config: VisionConfig, grid: PatchGrid): readonly number[] {
  const { rows, cols } = grid;
  if (config.windows?.isPadded) return Array.from({ length: rows * cols }, (_, patch) => patch);
  return windowsOf(config, grid).flat();
}

/** Rows in and out of padded windows, as indices of gathers: the destination row, then its source. */
export interface WindowMoves {
  /** u32 `[numWindows * side², 2]`: rows of no patch have NO_ROW as their source. */
  readonly into: Uint32Array<ArrayBuffer>;
  /** u32 `[numPatches, 2]` */
  readonly outOf: Uint32Array<ArrayBuffer>;
}

/** How rows move for layers with padded windows; nothing moves in towers without. */
export function windowMoves({ windows }: VisionConfig, { rows, cols }: PatchGrid): WindowMoves {
  if (!windows?.isPadded) return { into: new Uint32Array(), outOf: new Uint32Array() };
  const { side } = windows;
  const into: number[] = [];
  const outOf = new Uint32Array(2 * rows * cols);
  let row = 0;
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < cols; left += side) {
      for (let y = top; y < top + side; y++) {
        for (let x = left; x < left + side; x++, row++) {
          const patch = y * cols + x;
          const isPatch = y < rows && x < cols;
          into.push(row, isPatch ? patch : NO_ROW);
          if (isPatch) outOf.set([patch, row], 2 * patch);
        }
      }
    }
  }
  return { into: new Uint32Array(into), outOf };
}

/** Base of the angles of lines and columns. */
const ROTARY_BASE = 10000;

/**
 * (cos, sin) for the pairs of a head, f32 `[numPatches, headDim / 2, 2]`: half of the pairs turn by the line of a patch, half
 * by its column.
 * @param order patches in the order of the tower's rows
 */
export function rotaryTable(
  { headDim }: VisionConfig,
  { cols }: PatchGrid,
  order: readonly number[],
): Float32Array<ArrayBuffer> {
  const numPairs = headDim / 4;
  const table = new Float32Array(order.length * headDim);
  let at = 0;
  for (const patch of order) {
    for (const place of [Math.floor(patch / cols), patch % cols]) {
      for (let i = 0; i < numPairs; i++) {
        const angle = place * ROTARY_BASE ** (-i / numPairs);
        table[at++] = Math.cos(angle);
        table[at++] = Math.sin(angle);
      }
    }
  }
  return table;
}

/**
 * A tile from patches as Hugging Face's processors lay them: blocks of `blockSide`² patches line by line, each block line by
 * line, and of each patch every channel with all its frames, which are the same in an image.
 * @param values f32 `[numPatches, 3 * numFrames * patchSize²]`
 * @returns f32 `[3, height, width]`
 */
export function tileOfPatches(
  { patchSize, numFrames }: VisionConfig,
  { rows, cols }: PatchGrid,
  blockSide: number,
  values: Float32Array,
): Float32Array<ArrayBuffer> {
  const [area, width, blocksAcross] = [patchSize * patchSize, cols * patchSize, cols / blockSide];
  const tile = new Float32Array(3 * rows * cols * area);
  for (let patch = 0; patch < rows * cols; patch++) {
    const [block, inBlock] = [Math.floor(patch / blockSide ** 2), patch % blockSide ** 2];
    const top = (Math.floor(block / blocksAcross) * blockSide + Math.floor(inBlock / blockSide)) * patchSize;
    const left = ((block % blocksAcross) * blockSide + (inBlock % blockSide)) * patchSize;
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < patchSize; y++) {
        const from = (patch * 3 + channel) * numFrames * area + y * patchSize;
        const to = (channel * rows * patchSize + top + y) * width + left;
        tile.set(values.subarray(from, from + patchSize), to);
      }
    }
  }
  return tile;
}
