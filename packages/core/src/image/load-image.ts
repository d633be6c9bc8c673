// From any image input to RGB: bytes are fetched, sizes checked before anything is decoded, bitmaps closed, transparency
// laid on white. Everything that can be wrong with an image ends here as a PagemindError.
import { PagemindError, throwIfAborted } from '../errors.js';
import { readImageHeader } from './header.js';
import type { ImageDecoder, ImageInput, Pixels, RgbImage } from './image.js';
import { nameOf, readBytes } from './read-bytes.js';
import { toRgb } from './to-rgb.js';

/** Limits of {@link loadImage}; all have a default. */
export interface LoadImageOptions {
  /** Width times height; default 50 million. */
  readonly maxPixels?: number;
  /** Of the file; default 64 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

const MAX_PIXELS = 50_000_000;
const MAX_BYTES = 64 * 2 ** 20;
/** Of width and of height: no JPEG is longer, and the resampler's tables grow with it. */
const MAX_SIDE = 65_535;

/**
 * Reads, decodes and flattens an image. A bitmap is closed, whatever happens.
 * @throws PagemindError `invalid_image`, `unsupported_format`, `image_too_large`, `source_unreachable`,
 *   `invalid_request` or `aborted`.
 */
export async function loadImage(
  input: ImageInput,
  decoder: ImageDecoder,
  options: LoadImageOptions = {},
): Promise<RgbImage> {
  const name = nameOf(input);
  const pixels = isFile(input) ? await decodeFile(input, decoder, options) : input;
  try {
    throwIfAborted(options.signal);
    checkSize(name, pixels, options.maxPixels);
    return toRgb(isBitmap(pixels) ? readBitmap(pixels, decoder) : pixels);
  } finally {
    if (isBitmap(pixels)) pixels.close();
  }
}

async function decodeFile(
  input: string | Blob,
  decoder: ImageDecoder,
  { maxPixels = MAX_PIXELS, maxBytes = MAX_BYTES, signal }: LoadImageOptions,
): Promise<Pixels | ImageBitmap> {
  throwIfAborted(signal);
  const name = nameOf(input);
  const bytes = await readBytes(input, { maxBytes, readFile: decoder.readFile, signal });
  throwIfAborted(signal);
  const header = readImageHeader(bytes, name);
  checkSize(name, header, maxPixels);
  try {
    return await decoder.decode(bytes, header.format, maxPixels);
  } catch (cause) {
    if (cause instanceof PagemindError) throw cause;
    throw new PagemindError('invalid_image', `${name} could not be decoded as ${header.format.toUpperCase()}.`, {
      hint: 'The file is damaged, cut short, or of a kind that this browser or computer does not know.',
      cause,
    });
  }
}

function readBitmap(bitmap: ImageBitmap, { readBitmap: read }: ImageDecoder): Pixels {
  try {
    if (read) return read(bitmap);
  } catch (cause) {
    throw new PagemindError('invalid_image', 'The pixels of the image could not be read.', {
      hint: 'Try a smaller picture.',
      cause,
    });
  }
  throw new PagemindError('invalid_request', 'There are no bitmaps here.', { hint: 'Give the file, or its pixels.' });
}

function checkSize(name: string, { width, height }: { width: number; height: number }, maxPixels = MAX_PIXELS): void {
  if (!(width > MAX_SIDE || height > MAX_SIDE || width * height > maxPixels)) return; // NaN is found by toRgb
  const millions = (count: number): string => (count / 1e6).toLocaleString('en', { maximumFractionDigits: 1 });
  throw new PagemindError(
    'image_too_large',
    `${name} has ${width} × ${height} = ${millions(width * height)} million pixels; ` +
      `the limit is ${millions(maxPixels)} million, and ${MAX_SIDE} on a side.`,
    { hint: 'Make the picture smaller; models look at a few million pixels at most.' },
  );
}

function isFile(input: ImageInput): input is string | Blob {
  return typeof input === 'string' || input instanceof Blob;
}

function isBitmap(pixels: Pixels | ImageBitmap): pixels is ImageBitmap {
  return !('data' in pixels);
}
