// Images for tests without pictures: names with a number of rows, which the toy model tells apart.
import type { ImageReader } from '../engine/images.js';
import { PagemindError } from '../errors.js';
import { placeInOrder } from '../models/vlm/vlm-config.js';
import { tokenizer } from './engine-harness.js';
import { imageRow } from './fake-runner.js';

/** The letter a: the fake tokenizer's id for it stands for a row of an image. */
export const IMAGE: number = tokenizer.encode('a', { addSpecialTokens: false })[0] as number;

/** Reads strings like `cat:5` as images with five rows; `bad` cannot be read. */
export const reader: ImageReader = {
  imageTokenId: IMAGE,
  processor: 'fake',
  async read(image) {
    const [hash = '', numRows = ''] = String(image).split(':');
    if (hash === 'bad') throw new PagemindError('invalid_image', 'This is no image.');
    const placement = placeInOrder(Number(numRows));
    return {
      hash,
      tiles: new Float32Array(0),
      numTiles: 1,
      placement,
      promptText: (marker) => marker.repeat(Number(numRows)),
    };
  },
};

/** What the toy model sees: ids, with image tokens as rows of the images in order. */
export function seen(ids: readonly number[], images: readonly string[]): number[] {
  const rows = images.flatMap((image) => {
    const [hash = '', numRows = ''] = image.split(':');
    return Array.from({ length: Number(numRows) }, (_, row) => imageRow(hash, row));
  });
  return ids.map((id) => (id === IMAGE ? (rows.shift() ?? -1) : id));
}
