// What an image is: as it comes in, decoded, and as plain RGB; and what decodes it. How files are read and decoded is
// the platform's business (platform/browser-image.ts, platform/node-image.ts).

/** A decoded image without transparency. Never changed after it was made. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3] */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Plain pixels with three or four channels, alpha not premultiplied; an `ImageData` is one. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3 or 4] */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * An image on its way to the engine, as data that can cross to a worker: an absolute `http(s):`, `data:` or `blob:` URL
 * (in Node also a path), the bytes of a file, a bitmap (which then belongs to the engine: it closes it), or pixels.
 */
export type ImageInput = string | Blob | ImageBitmap | Pixels;

/** File formats that are read, by their name behind `image/`. */
export type ImageFormat = 'png' | 'jpeg' | 'gif' | 'webp' | 'bmp';

/** How a platform decodes. */
export interface ImageDecoder {
  /**
   * Decodes a file, turned upright as its EXIF says, colour profiles ignored, the first frame of several. The header was
   * looked at before; `maxPixels` is for decoders that count again.
   */
  decode(bytes: Uint8Array<ArrayBuffer>, format: ImageFormat, maxPixels: number): Promise<Pixels | ImageBitmap>;
  /** Missing where there are no bitmaps. */
  readonly readBitmap?: (bitmap: ImageBitmap) => Pixels;
  /** Reads what a string that is no URL names; missing where there are no files, or where they must not be read. */
  readonly readFile?: (path: string, maxBytes: number) => Promise<Uint8Array<ArrayBuffer>>;
}
