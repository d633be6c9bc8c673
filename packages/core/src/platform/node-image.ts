// Decoding images in Node, by the package `sharp`, which is asked for when the first image comes.
import { readFile as readWhole, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type Sharp from 'sharp';
import { PagemindError } from '../errors.js';
import type { ImageDecoder } from '../image/image.js';
import { tooManyBytes } from '../image/read-bytes.js';

/** Options of {@link createNodeImageDecoder}. */
export interface NodeImageDecoderOptions {
  /** Whether strings that are no URL are read as paths; default true. A server must say no: its callers send them. */
  readonly readsFiles?: boolean;
}

/** A decoder for `loadImage`. */
export function createNodeImageDecoder({ readsFiles = true }: NodeImageDecoderOptions = {}): ImageDecoder {
  return {
    async decode(bytes, format, maxPixels) {
      if (format === 'bmp') {
        throw new PagemindError('unsupported_format', 'BMP is not read in Node.', { hint: 'Save it as PNG.' });
      }
      const sharp = await importSharp();
      // Profiles are ignored, as Pillow does and as browsers are told to. Of 16 bits the upper 8 are kept.
      const { data, info } = await sharp(bytes, { failOn: 'error', ignoreIcc: true, limitInputPixels: maxPixels })
        .autoOrient()
        .toColourspace('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      return { width: info.width, height: info.height, data };
    },
    ...(readsFiles && { readFile }),
  };
}

async function importSharp(): Promise<typeof Sharp> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new PagemindError('unsupported_format', 'Images cannot be decoded: the package sharp is not installed.', {
      hint: 'Install it beside this package: npm install sharp',
      cause,
    });
  }
}

async function readFile(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const place = path.startsWith('file:') ? fileURLToPath(path) : path;
    const info = await stat(place);
    if (!info.isFile()) throw new Error('not a file'); // a device or a pipe may never end
    if (info.size > maxBytes) throw tooManyBytes(path, info.size, maxBytes);
    return new Uint8Array(await readWhole(place));
  } catch (cause) {
    if (cause instanceof PagemindError) throw cause;
    throw new PagemindError('source_unreachable', `${path} could not be read.`, {
      hint: 'Check that the file exists and that you may read it.',
      cause,
    });
  }
}
