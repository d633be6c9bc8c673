// Everything that may come as an image, through Node's decoder: what is right is decoded right, what is wrong is refused
// with a code and a hint. Resampling and models' processors have tests of their own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PagemindError } from '../errors.js';
import { createNodeImageDecoder } from '../platform/node-image.js';
import type { ImageDecoder, ImageInput } from './image.js';
import { type LoadImageOptions, loadImage } from './load-image.js';

const decoder = createNodeImageDecoder();
const load = (input: ImageInput, options?: LoadImageOptions) => loadImage(input, decoder, options);
const blob = (file: Uint8Array) => new Blob([new Uint8Array(file)]);
/** Values of one pixel after another, from a file. */
const valuesOf = async (file: Uint8Array): Promise<number[]> => [...(await load(blob(file))).data];

/** What the promise fails with; it must have a hint. */
async function failureOf(promise: Promise<unknown>): Promise<PagemindError> {
  const error = await promise.then(
    () => expect.fail('nothing was thrown'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof PagemindError)) throw error;
  if (error.code !== 'aborted') expect(error.hint).toBeTruthy();
  return error;
}

/** A PNG by hand: any colour type and depth, and headers that lie. `rows` have their filter bytes. */
function png(
  [width, height]: readonly [number, number],
  [depth, colorType]: readonly [number, number],
  rows: readonly number[],
  extra: readonly (readonly [type: string, data: readonly number[]])[] = [],
): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colorType], 8);
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const around = Buffer.alloc(8);
    around.writeUInt32BE(data.length, 0);
    around.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
  };
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...extra.map(([type, data]) => chunk(type, Uint8Array.from(data))),
    chunk('IDAT', deflateSync(Uint8Array.from(rows))),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

const PLAIN = png([2, 1], [8, 2], [0, 1, 2, 3, 250, 251, 252]);

describe('what files hold', () => {
  it('decodes RGB as it is', async () => {
    expect(await load(blob(PLAIN))).toEqual({ width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 250, 251, 252) });
  });

  it('lays transparency on white', async () => {
    expect(await valuesOf(png([3, 1], [8, 6], [0, 10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 255, 128]))).toEqual([
      10, 20, 30, 255, 255, 255, 127, 127, 255,
    ]);
  });

  it('reads palettes, with transparent colours too', async () => {
    const palette = ['PLTE', [255, 0, 0, 0, 255, 0, 0, 0, 255]] as const;
    expect(await valuesOf(png([3, 1], [8, 3], [0, 0, 1, 2], [palette]))).toEqual([255, 0, 0, 0, 255, 0, 0, 0, 255]);
    expect(await valuesOf(png([2, 1], [4, 3], [0, 0x12], [palette, ['tRNS', [255, 0, 255]]]))).toEqual([
      255, 255, 255, 0, 0, 255,
    ]);
  });

  it('reads grey, with alpha and of one bit too', async () => {
    expect(await valuesOf(png([2, 1], [8, 0], [0, 7, 200]))).toEqual([7, 7, 7, 200, 200, 200]);
    expect(await valuesOf(png([2, 1], [8, 4], [0, 7, 255, 200, 0]))).toEqual([7, 7, 7, 255, 255, 255]);
    expect(await valuesOf(png([2, 1], [1, 0], [0, 0b0100_0000]))).toEqual([0, 0, 0, 255, 255, 255]);
  });

  it('keeps the upper 8 of 16 bits', async () => {
    expect(await valuesOf(png([1, 1], [16, 2], [0, 0x12, 0xff, 0x80, 0x00, 0xff, 0xfe]))).toEqual([0x12, 0x80, 0xff]);
    expect(await valuesOf(png([2, 1], [16, 0], [0, 0x01, 0xff, 0xc8, 0x00]))).toEqual([1, 1, 1, 200, 200, 200]);
    expect(await valuesOf(png([1, 1], [16, 6], [0, 0, 0, 0, 0, 0xff, 0xff, 0x80, 0x00]))).toEqual([127, 127, 255]);
  });

  it('ignores gamma and colour profiles, as Pillow does', async () => {
    const gamma = ['gAMA', [0, 1, 0x86, 0xa0]] as const;
    expect(await valuesOf(png([1, 1], [8, 2], [0, 100, 150, 200], [gamma]))).toEqual([100, 150, 200]);
    const red = { r: 255, g: 0, b: 0 };
    const wide = sharp({ create: { width: 1, height: 1, channels: 3, background: red } }).withIccProfile('p3');
    expect((await valuesOf(await wide.png().toBuffer()))[0]).toBeLessThan(240); // red, in the numbers of the profile
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('turns orientation %d upright', async (orientation) => {
    // 16 × 8 upright: red and green above, blue and white below. Stored as the orientation says.
    const corners = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], white: [255, 255, 255] } as const;
    const { red, green, blue, white } = corners;
    const stored = {
      1: [red, green, blue, white],
      2: [green, red, white, blue],
      3: [white, blue, green, red],
      4: [blue, white, red, green],
      5: [red, blue, green, white],
      6: [green, white, red, blue],
      7: [white, green, blue, red],
      8: [blue, red, white, green],
    }[orientation] as readonly (typeof red | typeof white)[];
    const [width, height] = orientation < 5 ? [16, 8] : [8, 16];
    const pixels = Uint8Array.from({ length: 3 * 128 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      return stored[(y < height / 2 ? 0 : 2) + (x < width / 2 ? 0 : 1)]?.[i % 3] ?? 0;
    });
    const file = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .withMetadata({ orientation })
      .toBuffer();
    const image = await load(blob(file));
    expect([image.width, image.height]).toEqual([16, 8]);
    const middles = [
      [4, 2],
      [12, 2],
      [4, 6],
      [12, 6],
    ] as const;
    const found = middles.map(([x, y]) => [...image.data.subarray(3 * (16 * y + x), 3 * (16 * y + x) + 3)]);
    expect(found.map((color) => color.map((value) => (value > 127 ? 255 : 0)))).toEqual([red, green, blue, white]);
  });

  it('takes the first frame of an animation', async () => {
    const frames = Uint8Array.from([...Array(48).fill(255), ...Array(48).fill(0)]);
    const file = await sharp(frames, { raw: { width: 4, height: 8, channels: 3, pageHeight: 4 } })
      .gif()
      .toBuffer();
    const image = await load(blob(file));
    expect([image.width, image.height, image.data.every((value) => value === 255)]).toEqual([4, 4, true]);
  });
});

describe('what is refused', () => {
  it('a decompression bomb, before it is decoded', async () => {
    const decode = vi.fn();
    const bombs = [
      png([12_000, 12_000], [8, 2], [0]),
      png([50_000, 50_000], [1, 0], [0]),
      png([70_000, 1], [1, 0], [0]),
    ];
    for (const bomb of bombs) {
      const { code } = await failureOf(loadImage(blob(bomb), { decode }));
      expect(code).toBe('image_too_large');
    }
    expect(decode).not.toHaveBeenCalled();
    const { message } = await failureOf(load(blob(bombs[0] as Uint8Array)));
    expect(message).toBe(
      'The image has 12000 × 12000 = 144 million pixels; the limit is 50 million, and 65535 on a side.',
    );
  });

  it('more pixels or bytes than allowed', async () => {
    expect((await failureOf(load(blob(PLAIN), { maxPixels: 1 }))).code).toBe('image_too_large');
    expect((await failureOf(load(blob(PLAIN), { maxBytes: 20 }))).code).toBe('image_too_large');
    expect((await failureOf(load({ width: 2, height: 1, data: new Uint8Array(6) }, { maxPixels: 1 }))).code).toBe(
      'image_too_large',
    );
  });

  it('files that are damaged, empty, or no images', async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) >> 3);
    const picture = () => sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
    for (const whole of [picture().png(), picture().jpeg(), picture().webp(), picture().gif()]) {
      const file = await whole.toBuffer();
      const half = await failureOf(load(blob(file.subarray(0, file.length / 2))));
      expect(half.code, half.message).toBe('invalid_image');
    }
    const damaged = new Uint8Array(await picture().png().toBuffer());
    damaged.fill(0x55, 60, 100);
    expect((await failureOf(load(blob(damaged)))).code).toBe('invalid_image');
    expect((await failureOf(load(new Blob([])))).code).toBe('invalid_image');
    expect((await failureOf(load(new Blob(['<!doctype html>'])))).code).toBe('invalid_image');
    expect((await failureOf(load(new Blob(['<svg/>'])))).code).toBe('unsupported_format');
    expect((await failureOf(load(new Blob(['once upon a time'])))).code).toBe('unsupported_format');
  });

  it('BMP in Node', async () => {
    const bmp = new Uint8Array(60);
    bmp.set([0x42, 0x4d]);
    bmp.set([40, 0, 0, 0, 1, 0, 0, 0, 1], 14);
    expect((await failureOf(load(blob(bmp)))).code).toBe('unsupported_format');
  });

  it('any mutation of a file, if it does not decode it', async () => {
    const noise = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * i * 31) >> 3);
    const picture = () => sharp(noise, { raw: { width: 16, height: 16, channels: 3 } });
    const files = await Promise.all(
      [picture().png(), picture().jpeg(), picture().webp(), picture().gif()].map((whole) => whole.toBuffer()),
    );
    const edit = fc.record({ at: fc.nat(400), value: fc.nat(255) });
    const mutations = fc.tuple(
      fc.nat(3),
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(mutations, async ([index, edits, keep]) => {
        const file = new Uint8Array(files[index] ?? []);
        for (const { at, value } of edits) file[at % file.length] = value;
        const image = await load(blob(file.subarray(0, keep < 0.5 ? file.length : keep * file.length)), {
          maxPixels: 1e6,
        }).catch((error) => {
          expect(error).toBeInstanceOf(PagemindError);
        });
        if (image) expect(image.data.length).toBe(3 * image.width * image.height);
      }),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await failureOf(load(blob(bytes)));
      }),
      { numRuns: 100 },
    );
  });
});

describe('where images come from', () => {
  let folder: string;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pagemind-image-'));
    await writeFile(join(folder, 'plain.png'), PLAIN);
    server = createServer((request, response) => {
      if (request.url === '/plain.png') response.end(PLAIN);
      else if (request.url === '/page') response.end('<html><body>here it is</body></html>');
      else if (request.url === '/endless') response.write(Buffer.alloc(4096));
      else if (request.url !== '/silent') response.writeHead(404).end('no');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  const expected = { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 250, 251, 252) };

  it('reads addresses of every kind, and paths', async () => {
    const base64 = Buffer.from(PLAIN).toString('base64');
    const percent = [...PLAIN].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    const url = URL.createObjectURL(blob(PLAIN));
    const inputs = [
      `${origin}/plain.png`,
      `data:image/png;base64,${base64}`,
      `DATA:;base64,${encodeURIComponent(base64)}`,
      `data:image/png,${percent}`,
      url,
      join(folder, 'plain.png'),
      pathToFileURL(join(folder, 'plain.png')).href,
    ];
    for (const input of inputs) expect(await load(input), input).toEqual(expected);
    URL.revokeObjectURL(url);
  });

  it('says why an address gives no image', async () => {
    const missing = await failureOf(load(`${origin}/missing.png`));
    expect(missing).toMatchObject({ code: 'source_unreachable', message: expect.stringContaining('404') });
    const page = await failureOf(load(`${origin}/page`));
    expect(page).toMatchObject({ code: 'invalid_image', message: `${origin}/page is a web page, not an image.` });
    expect((await failureOf(load('http://127.0.0.1:9/x.png'))).code).toBe('source_unreachable');
    expect((await failureOf(load('blob:nodedata:gone'))).code).toBe('source_unreachable');
    expect((await failureOf(load(join(folder, 'missing.png')))).code).toBe('source_unreachable');
    expect((await failureOf(load(folder))).code).toBe('source_unreachable');
    expect((await failureOf(load('data:image/png;base64,????'))).code).toBe('invalid_image');
    expect((await failureOf(load('data:image/png'))).code).toBe('invalid_image');
  });

  it('stops a download that grows too long', async () => {
    expect((await failureOf(load(`${origin}/endless`, { maxBytes: 1000 }))).code).toBe('image_too_large');
    const long = `data:image/png;base64,${'A'.repeat(2000)}`;
    expect((await failureOf(load(long, { maxBytes: 1000 }))).code).toBe('image_too_large');
    expect((await failureOf(load(join(folder, 'plain.png'), { maxBytes: 10 }))).code).toBe('image_too_large');
  });

  it('stops when it is told to', async () => {
    expect((await failureOf(load(blob(PLAIN), { signal: AbortSignal.abort() }))).code).toBe('aborted');
    const controller = new AbortController();
    const loading = failureOf(load(`${origin}/silent`, { signal: controller.signal }));
    controller.abort();
    expect((await loading).code).toBe('aborted');
  });

  it('reads no paths where files are none of its business', async () => {
    const closed = createNodeImageDecoder({ readsFiles: false });
    expect((await failureOf(loadImage(join(folder, 'plain.png'), closed))).code).toBe('invalid_request');
    expect((await failureOf(loadImage('file:///etc/hostname', closed))).code).toBe('invalid_request');
  });
});

describe('bitmaps', () => {
  /** A decoder as browsers have it, and whether its bitmap was closed. */
  function bitmaps(size: { width: number; height: number }, more: Partial<ImageDecoder> = {}) {
    const bitmap = { ...size, close: vi.fn() };
    const data = new Uint8ClampedArray(4 * size.width * size.height).fill(255);
    return { bitmap, decoder: { decode: async () => bitmap, readBitmap: () => ({ ...size, data }), ...more } };
  }

  it('are read and closed, whoever made them', async () => {
    for (const input of [blob(PLAIN), 'bitmap'] as const) {
      const { bitmap, decoder: browser } = bitmaps({ width: 2, height: 1 });
      const image = await loadImage(input === 'bitmap' ? bitmap : input, browser);
      expect([...image.data]).toEqual(Array(6).fill(255));
      expect(bitmap.close).toHaveBeenCalledOnce();
    }
  });

  it('are closed when something goes wrong', async () => {
    const large = bitmaps({ width: 3, height: 1 }, { readBitmap: () => expect.fail('read') });
    expect((await failureOf(loadImage(blob(PLAIN), large.decoder, { maxPixels: 2 }))).code).toBe('image_too_large');
    expect(large.bitmap.close).toHaveBeenCalledOnce();

    const unreadable = bitmaps({ width: 2, height: 1 }, { readBitmap: () => expect.fail('lost') });
    expect((await failureOf(loadImage(unreadable.bitmap, unreadable.decoder))).code).toBe('invalid_image');
    expect(unreadable.bitmap.close).toHaveBeenCalledOnce();

    const aborted = bitmaps({ width: 2, height: 1 });
    const signal = AbortSignal.abort();
    expect((await failureOf(loadImage(aborted.bitmap, aborted.decoder, { signal }))).code).toBe('aborted');
    expect(aborted.bitmap.close).toHaveBeenCalledOnce();

    const foreign = bitmaps({ width: 2, height: 1 });
    expect((await failureOf(load(foreign.bitmap))).code).toBe('invalid_request');
    expect(foreign.bitmap.close).toHaveBeenCalledOnce();
  });
});
