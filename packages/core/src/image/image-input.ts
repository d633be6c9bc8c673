// What a page has at hand (an address, a chosen file, a canvas, an element) as an ImageInput that can cross to a worker.
// Nothing is downloaded or decoded here.
import { PagemindError } from '../errors.js';
import type { ImageInput, Pixels } from './image.js';

/** A canvas, an OffscreenCanvas, an image or a video element; this library does not know elements by their type. */
export interface DrawableLike {
  readonly width: number;
  readonly height: number;
}

/** Whatever shows an image. Relative addresses are resolved against the page's. */
export type ImageSource = string | URL | Blob | ImageBitmap | Pixels | DrawableLike;

/**
 * Makes an image ready to be sent; bitmaps and elements stay with the caller, and are copied.
 * @throws PagemindError `invalid_request` when it is no image, or shows nothing that may be read.
 */
export async function toImageInput(source: ImageSource): Promise<ImageInput> {
  if (typeof source === 'string' || source instanceof URL) return absoluteUrl(String(source));
  if (source instanceof Blob) return source;
  if (!isSized(source)) {
    throw new PagemindError('invalid_request', 'This is no image.', {
      hint: 'Give a URL, a File or Blob, a canvas, an ImageBitmap, an image element or ImageData.',
    });
  }
  if ('data' in source && ArrayBuffer.isView(source.data)) {
    const { width, height, data } = source;
    return { width, height, data };
  }
  try {
    // Not in Node, where it throws and is told as any other failure.
    return await createImageBitmap(source as ImageBitmapSource, {
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch (cause) {
    throw new PagemindError('invalid_request', 'The pixels of the image cannot be read.', {
      hint: 'It must be loaded and not empty; an image of another origin needs the attribute crossorigin.',
      cause,
    });
  }
}

function isSized(source: unknown): source is Pixels | ImageBitmap | DrawableLike {
  return typeof source === 'object' && source !== null && 'width' in source && 'height' in source;
}

/** In Node there is no page, and a string that is no URL is a path: it stays as it is. */
function absoluteUrl(address: string): string {
  const base = globalThis.location?.href;
  if (base === undefined) return address;
  try {
    return new URL(address, base).href;
  } catch (cause) {
    throw new PagemindError('invalid_request', `${address.slice(0, 200)} is no URL.`, {
      hint: 'Give an absolute http(s):, data: or blob: URL, or one relative to the page.',
      cause,
    });
  }
}
