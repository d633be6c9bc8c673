// Where the tokens of a prompt with images are, for decoders that turn by frame, line and column (Qwen2-VL): text goes on one by
// one, an image's rows share a frame and lie in lines and columns, and text behind it goes on after the largest of its places.
import type { TokenPositions } from './rope.js';
import type { Placement } from './vlm/vlm-config.js';

/** Tokens that stand for the rows of an image. */
export interface ImagePlace {
  readonly firstToken: number;
  readonly numRows: number;
  readonly image: { readonly placement: Placement };
}

/** Positions of tokens 0 to `numTokens`: those behind the last image are text. */
export function tokenPositions(images: readonly ImagePlace[], numTokens: number): TokenPositions {
  const axes = [0, 1, 2].map(() => new Uint32Array(numTokens));
  const [frames, lines, columns] = axes as [Uint32Array, Uint32Array, Uint32Array];
  let token = 0;
  let position = 0;
  const goOn = (end: number): void => {
    for (; token < Math.min(end, numTokens); token++, position++) {
      for (const axis of axes) axis[token] = position;
    }
  };
  for (const { firstToken, numRows, image } of images) {
    const { grid } = image.placement;
    if (!grid) continue;
    goOn(firstToken);
    for (let row = 0; row < numRows && token < numTokens; row++, token++) {
      frames[token] = position;
      lines[token] = position + Math.floor(row / grid.cols);
      columns[token] = position + (row % grid.cols);
    }
    position += Math.max(grid.rows, grid.cols);
  }
  goOn(numTokens);
  return axes;
}
