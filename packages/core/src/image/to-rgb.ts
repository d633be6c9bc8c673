// Pixels of any kind as RGB: transparency is laid on white, as Pillow's alpha_composite does.
import { PagemindError } from '../errors.js';
import type { Pixels, RgbImage } from './image.js';

/**
 * A copy of the pixels, opaque.
 * @throws PagemindError `invalid_image` when width, height and data do not fit together.
 */
export function toRgb({ width, height, data }: Pixels): RgbImage {
  const numPixels = width * height;
  const isSize = Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1;
  const numChannels = data.length / numPixels;
  if (!isSize || (numChannels !== 3 && numChannels !== 4)) {
    throw new PagemindError('invalid_image', `${data.length} values are no image of ${width} × ${height} pixels.`, {
      hint: 'Give [height, width, 3] or [height, width, 4] values from 0 to 255.',
    });
  }
  return { width, height, data: numChannels === 3 ? new Uint8Array(data) : layOnWhite(data, numPixels) };
}

function layOnWhite(rgba: Pixels['data'], numPixels: number): Uint8Array<ArrayBuffer> {
  const rgb = new Uint8Array(3 * numPixels);
  for (let from = 0, to = 0; to < rgb.length; from += 4) {
    const alpha = rgba[from + 3] as number;
    const white = 255 * (255 - alpha) + 128;
    for (let channel = 0; channel < 3; channel++) {
      const sum = (rgba[from + channel] as number) * alpha + white;
      rgb[to++] = (sum + (sum >> 8)) >> 8; // (sum - 128) / 255, rounded
    }
  }
  return rgb;
}
