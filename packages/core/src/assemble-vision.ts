// Puts together what reads images for a vision-language model: its processor's numbers, the platform's decoder, and the
// family's layout of rows.
import type { PixelValues } from './engine/core.js';
import type { ImageReader, PreparedImage } from './engine/images.js';
import { PagemindError } from './errors.js';
import { hashImage, hashPixelValues } from './image/hash.js';
import type { ImageDecoder, ImageInput } from './image/image.js';
import { loadImage } from './image/load-image.js';
import type { ProcessedImage } from './image/processed-image.js';
import { createImageProcessor } from './image/processor.js';
import type { Checkpoint } from './load/checkpoint.js';
import { parseJsonObject } from './load/json.js';
import { tileOfPatches, tileSize } from './models/vision/patch-grid.js';
import { patchPixels } from './models/vision/vision-config.js';
import type { ImageTiles, VlmConfig } from './models/vlm/vlm-config.js';
import type { Tokenizer } from './text/tokenizer.js';

const PROCESSOR = 'preprocessor_config.json';

/** @throws PagemindError `file_missing`, `invalid_config`, `unsupported_model`. */
export async function assembleVision(
  checkpoint: Checkpoint,
  vision: VlmConfig,
  decoder: ImageDecoder,
  signal: AbortSignal | undefined,
  tokenizer?: Pick<Tokenizer, 'tokenToId'>,
): Promise<ImageReader> {
  const text = await checkpoint.readText(PROCESSOR, signal);
  if (text === undefined && !vision.processor) {
    throw new PagemindError('file_missing', `${checkpoint.name} has no ${PROCESSOR}.`, {
      hint: 'A vision-language model needs it; download it from the same place as the weights.',
    });
  }
  const own = text === undefined ? {} : parseJsonObject(text, PROCESSOR, 'invalid_config');
  const processor = createImageProcessor(vision.processor?.(own) ?? own, checkpoint.config);
  const imageTokenId = imageTokenOf(checkpoint, vision, tokenizer);
  const { imageBounds } = vision;
  return {
    imageTokenId,
    ...(imageBounds && { imageBounds }),
    processor: text ?? '',
    async read(image, numImages, readSignal) {
      if (isPixelValues(image)) return prepare(vision, await tilesOf(vision, image));
      const pixels = await loadImage(image, decoder, { signal: readSignal });
      const processed = processor.process(pixels, { numImages, maxPixels: vision.tower.imageSize ** 2 });
      return prepare(vision, { ...processed, hash: await hashImage(pixels) });
    },
  };
}

function imageTokenOf(
  { name }: Checkpoint,
  { imageTokenId }: VlmConfig,
  tokenizer: Pick<Tokenizer, 'tokenToId'> | undefined,
): number {
  if (typeof imageTokenId === 'number') return imageTokenId;
  const id = tokenizer?.tokenToId(imageTokenId.text);
  if (id !== undefined) return id;
  throw new PagemindError('invalid_tokenizer', `${name} has no tokenizer that knows ${imageTokenId.text}.`, {
    hint: 'Its id stands for images and is in no other file; download the tokenizer from the same place as the weights.',
  });
}

type HashedTiles = ImageTiles &
  Pick<ProcessedImage, 'tiles' | 'highRes' | 'tileWidth' | 'tileHeight'> & { readonly hash: string };

function prepare(vision: VlmConfig, image: HashedTiles): PreparedImage {
  const { tiles, highRes, numTiles, tileWidth, tileHeight } = image;
  checkTiles(vision, image);
  checkHighRes(vision, image);
  const placement = vision.place(image, { width: tileWidth, height: tileHeight });
  return {
    // The same picture may be cut otherwise beside others.
    hash: `${image.hash}/${numTiles}`,
    tiles,
    ...(highRes && { highRes }),
    numTiles,
    placement,
    promptText: (marker, number) => vision.promptText(image, marker, placement.numRows, number),
  };
}

/** What the tower takes: squares, or one tile whose sides are whole blocks of patches and whose area is not too large. */
function checkTiles({ tower, pixelShuffle }: VlmConfig, image: HashedTiles): void {
  const { tiles, numTiles, tileWidth, tileHeight } = image;
  const { imageSize, patchSize } = tower;
  const isSquare = tileWidth === imageSize && tileHeight === imageSize;
  const side = patchSize * pixelShuffle;
  const area = tileWidth * tileHeight;
  const isShape = tileWidth % side === 0 && tileHeight % side === 0 && area > 0 && area <= imageSize ** 2;
  const isRotary = tower.positions === 'rotary';
  if ((isRotary ? isShape && numTiles === 1 : isSquare) && tiles.length === numTiles * 3 * area) {
    return;
  }
  const wanted = isRotary
    ? `one tile of up to ${imageSize ** 2} pixels, its sides multiples of ${side}`
    : `tiles of ${imageSize} × ${imageSize} pixels`;
  throw new PagemindError('invalid_config', `The tower takes ${wanted}.`, {
    hint: `${PROCESSOR}, or the pixel values given, make others.`,
  });
}

/** A second tower takes squares, one for each tile of the other. */
function checkHighRes({ highRes }: VlmConfig, { highRes: tiles, numTiles }: HashedTiles): void {
  const side = highRes?.sam.tower.imageSize ?? 0;
  if ((tiles?.length ?? 0) === numTiles * 3 * side ** 2) return;
  const wanted = highRes
    ? `tiles of ${side} × ${side} pixels for its second tower`
    : 'no pixel values of a second tower';
  throw new PagemindError('invalid_config', `The model takes ${wanted}.`, {
    hint: `${PROCESSOR}, or the pixel values given, make others.`,
  });
}

async function tilesOf(
  vision: VlmConfig,
  { values, highRes, numTiles, originalSize, patches }: PixelValues,
): Promise<HashedTiles> {
  const { tower, pixelShuffle } = vision;
  const { imageSize } = tower;
  if (patches) {
    const { rows, cols } = patches;
    const areBlocks = rows > 0 && cols > 0 && rows % pixelShuffle === 0 && cols % pixelShuffle === 0;
    if (tower.positions !== 'rotary' || !areBlocks || values.length !== rows * cols * patchPixels(tower)) {
      throw new PagemindError('invalid_request', 'The pixel values are not the patches that this model takes.', {
        hint: 'Give tiles to models that take tiles, and with patches their number in each direction.',
      });
    }
    const { width, height } = tileSize(tower, patches);
    return {
      ...{ width, height, tileWidth: width, tileHeight: height, numTiles: 1, gridRows: 0, gridCols: 0 },
      tiles: tileOfPatches(tower, patches, pixelShuffle, values),
      hash: `${await hashPixelValues(values)}/${width}x${height}`,
    };
  }
  const { width, height } = originalSize ?? { width: imageSize, height: imageSize };
  const grid = vision.gridOf(width, height);
  const isTiled = numTiles > 1;
  const numWanted = grid.rows * grid.cols + 1;
  if (isTiled && grid.rows > 0 && numTiles !== numWanted) {
    throw new PagemindError(
      'invalid_request',
      `The pixel values have ${numTiles} tiles; an image of ${width} × ${height} has ${numWanted}.`,
      { hint: 'Give the size of the original, and the view of the whole before the tiles of its grid.' },
    );
  }
  return {
    width,
    height,
    tiles: values,
    ...(highRes && { highRes }),
    numTiles,
    tileWidth: imageSize,
    tileHeight: imageSize,
    gridRows: isTiled ? grid.rows : 0,
    gridCols: isTiled ? grid.cols : 0,
    hash: `${await hashPixelValues(values)}/${width}x${height}${highRes ? `/${await hashPixelValues(highRes)}` : ''}`,
  };
}

function isPixelValues(image: ImageInput | PixelValues): image is PixelValues {
  return typeof image === 'object' && 'kind' in image && image.kind === 'pixel_values';
}
