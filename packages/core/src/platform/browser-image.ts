// Decoding images in a page or a worker, by the browser itself.
import type { ImageDecoder } from '../image/image.js';

/** Pixels as they are in the file: a model was trained on Pillow's, which knows no colour profiles. */
const AS_STORED: ImageBitmapOptions = {
  imageOrientation: 'from-image',
  premultiplyAlpha: 'none',
  colorSpaceConversion: 'none',
};

export const browserImageDecoder: ImageDecoder = {
  decode: (bytes, format) => createImageBitmap(new Blob([bytes], { type: `image/${format}` }), AS_STORED),

  readBitmap(bitmap) {
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('no 2d context');
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  },
};
