// Sizes from headers: what sharp writes in every format, and headers made by hand for those that lie.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readImageHeader } from './header.js';

const bytes = (...parts: readonly (string | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...part].map((c) => c.charCodeAt(0)) : part)));
const picture = () =>
  sharp({ create: { width: 300, height: 7, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0.5 } } });
const headerOf = (file: Uint8Array) => readImageHeader(file, 'The image');

describe('readImageHeader', () => {
  it.each([
    ['png', () => picture().png()],
    ['jpeg', () => picture().jpeg()],
    [
      'jpeg',
      () =>
        picture()
          .jpeg({ progressive: true })
          .withMetadata({ exif: { IFD0: { Copyright: 'x'.repeat(5000) } } }),
    ],
    ['gif', () => picture().gif()],
    ['webp', () => picture().webp()],
    ['webp', () => picture().flatten().webp()],
    ['webp', () => picture().webp({ lossless: true })],
  ])('reads %s', async (format, make) => {
    expect(headerOf(await make().toBuffer())).toEqual({ format, width: 300, height: 7 });
  });

  it('reads both kinds of BMP, upside down or not', () => {
    const old = bytes('BM', Array(12).fill(0), [12, 0, 0, 0, 44, 1, 7, 0]);
    const topDown = bytes('BM', Array(12).fill(0), [40, 0, 0, 0, 44, 1, 0, 0, 0xf9, 0xff, 0xff, 0xff]);
    expect(headerOf(old)).toEqual({ format: 'bmp', width: 300, height: 7 });
    expect(headerOf(topDown)).toEqual({ format: 'bmp', width: 300, height: 7 });
  });

  it('does not take the picture embedded in a JPEG for the picture', () => {
    const frame = [0xff, 0xc0, 0, 11, 8, 0, 7, 1, 44, 1, 1, 0x11, 0];
    const embedded = [0xff, 0xe1, 0, 15, 0xff, 0xc0, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0];
    expect(headerOf(bytes([0xff, 0xd8], embedded, [0xff, 0xff], frame))).toMatchObject({ width: 300, height: 7 });
  });

  it.each<[string, Uint8Array, string, RegExp]>([
    ['nothing', bytes(), 'invalid_image', /is empty/],
    ['a page', bytes([0xef, 0xbb, 0xbf], '\n<!DOCTYPE html><html>'), 'invalid_image', /web page/],
    ['SVG', bytes('<svg xmlns="http://www.w3.org/2000/svg">'), 'unsupported_format', /SVG/],
    ['SVG with a declaration', bytes('<?xml version="1.0"?><svg>'), 'unsupported_format', /SVG/],
    ['text', bytes('hello'), 'unsupported_format', /no known image format/],
    ['sound in RIFF', bytes('RIFF', [0, 0, 0, 0], 'WAVEfmt '), 'unsupported_format', /no known image format/],
    [
      'PNG without its header',
      bytes([0x89], 'PNG\r\n\x1a\n', [0, 0, 0, 13], 'IDAT', Array(9).fill(1)),
      'invalid_image',
      /no size/,
    ],
    ['PNG cut short', bytes([0x89], 'PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR', [0, 0]), 'invalid_image', /no size/],
    [
      'PNG without pixels',
      bytes([0x89], 'PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR', Array(8).fill(0)),
      'invalid_image',
      /no size/,
    ],
    ['JPEG that ends at once', bytes([0xff, 0xd8, 0xff, 0xd9]), 'invalid_image', /no size/],
    ['JPEG that runs on', bytes([0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff]), 'invalid_image', /no size/],
    [
      'JPEG of zero-length segments',
      bytes([0xff, 0xd8], Array(40).fill([0xff, 0xe0, 0, 0]).flat()),
      'invalid_image',
      /no size/,
    ],
    ['unknown WebP', bytes('RIFF', [0, 0, 0, 0], 'WEBPVP9 ', Array(20).fill(1)), 'invalid_image', /no size/],
  ])('refuses %s', (_, file, code, message) => {
    expect(() => headerOf(file)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });
});
