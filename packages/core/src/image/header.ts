// Format and size of an image from the first bytes of its file, so that nothing is decoded before its size is known.
// It does not check that the rest of the file is sound.
import { PagemindError } from '../errors.js';
import type { ImageFormat } from './image.js';

/** What a file says it is. */
export interface ImageHeader {
  readonly format: ImageFormat;
  /** As stored, before it is turned as its EXIF says. */
  readonly width: number;
  readonly height: number;
}

type Size = readonly [width: number, height: number];

/** Reads a size; throws RangeError where the file ends too early, gives undefined where it makes no sense. */
type SizeReader = (view: DataView) => Size | undefined;

const FORMATS: readonly { readonly format: ImageFormat; readonly magic: RegExp; readonly size: SizeReader }[] = [
  { format: 'png', magic: /^\x89PNG/, size: pngSize },
  { format: 'jpeg', magic: /^\xff\xd8\xff/, size: jpegSize },
  { format: 'gif', magic: /^GIF8[79]a/, size: (view) => [view.getUint16(6, true), view.getUint16(8, true)] },
  { format: 'webp', magic: /^RIFF....WEBP/s, size: webpSize },
  { format: 'bmp', magic: /^BM/, size: bmpSize },
];

/**
 * @param name For messages: "The image", or its address.
 * @throws PagemindError `invalid_image` or `unsupported_format`.
 */
export function readImageHeader(bytes: Uint8Array, name: string): ImageHeader {
  const start = latin1(bytes, 0, 512);
  const known = FORMATS.find(({ magic }) => magic.test(start));
  if (!known) throw notAnImage(start, name);
  const { format, size } = known;
  let found: Size | undefined;
  try {
    found = size(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
  }
  const [width, height] = found ?? [0, 0];
  if (width < 1 || height < 1) {
    throw new PagemindError('invalid_image', `${name} begins like ${format.toUpperCase()}, but tells no size.`, {
      hint: 'The file is damaged or cut short.',
    });
  }
  return { format, width, height };
}

/** Words for what is there instead of an image; `start` is the beginning of the file, a character per byte. */
function notAnImage(start: string, name: string): PagemindError {
  const text = start.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (start.length === 0) {
    return new PagemindError('invalid_image', `${name} is empty.`, { hint: 'Choose a file that has something in it.' });
  }
  if (/^<(!doctype svg|svg|\?xml)/i.test(text)) {
    return new PagemindError('unsupported_format', `${name} is SVG, a drawing and not a picture.`, {
      hint: 'Export it as PNG, or draw it on a canvas and give the canvas.',
    });
  }
  if (/^<(!doctype|html|head|body|!--)/i.test(text)) {
    return new PagemindError('invalid_image', `${name} is a web page, not an image.`, {
      hint: 'Check the address: it must lead to the file of the image, not to the page that shows it.',
    });
  }
  return new PagemindError('unsupported_format', `${name} is in no known image format.`, {
    hint: 'Give PNG, JPEG, WebP, GIF or BMP.',
  });
}

function pngSize(view: DataView): Size | undefined {
  return latin1(view, 12, 4) === 'IHDR' ? [view.getUint32(16), view.getUint32(20)] : undefined;
}

/** Walks from segment to segment to the frame header; pictures embedded in EXIF lie inside segments. */
function jpegSize(view: DataView): Size | undefined {
  for (let at = 2; view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    if (marker === 0xda || marker === 0xd9) return undefined; // the picture, or the end, before any frame header
    const isBare = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    if (marker === 0xff) at += 1;
    else at += isBare ? 2 : 2 + view.getUint16(at + 2);
  }
  return undefined;
}

function webpSize(view: DataView): Size | undefined {
  switch (latin1(view, 12, 4)) {
    case 'VP8 ':
      return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
    case 'VP8L': {
      const bits = view.getUint32(21, true);
      return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
    }
    case 'VP8X':
      return [1 + (view.getUint32(23, true) >>> 8), 1 + (view.getUint32(26, true) >>> 8)];
    default:
      return undefined;
  }
}

/** A negative height means rows from top to bottom. */
function bmpSize(view: DataView): Size {
  const isOld = view.getUint32(14, true) === 12;
  return isOld
    ? [view.getUint16(18, true), view.getUint16(20, true)]
    : [view.getInt32(18, true), Math.abs(view.getInt32(22, true))];
}

/** A character per byte, as far as there are bytes. */
function latin1({ buffer, byteOffset, byteLength }: ArrayBufferView, offset: number, length: number): string {
  const end = Math.min(offset + length, byteLength);
  return String.fromCharCode(...new Uint8Array(buffer, byteOffset + Math.min(offset, end), Math.max(0, end - offset)));
}
