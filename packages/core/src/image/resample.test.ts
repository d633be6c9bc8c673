// The resampler against what Pillow 12.3 made of the same pixels: small images value by value, larger ones by hash.
import { expect, it } from 'vitest';
import { hashImage } from './hash.js';
import type { RgbImage } from './image.js';
import { type ResampleFilter, resample } from './resample.js';

type Size = readonly [width: number, height: number];

/** Uneven in every direction and channel. */
function pattern(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [channel, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return x * 37 + y * 61 + channel * 97 + x * y * 13;
  });
  return { width, height, data };
}

it.each<[Size, Size, ResampleFilter, number[]]>([
  [[7, 5], [3, 2], 'nearest', [111, 208, 49, 211, 52, 149, 55, 152, 249, 3, 100, 197, 155, 252, 93, 51, 148, 245]],
  [[7, 5], [3, 2], 'box', [86, 141, 152, 126, 137, 121, 166, 92, 146, 127, 96, 129, 163, 132, 101, 92, 125, 158]],
  [
    [7, 5],
    [3, 2],
    'bilinear',
    [97, 129, 141, 127, 128, 126, 134, 119, 145, 129, 101, 115, 150, 137, 128, 125, 119, 144],
  ],
  [[7, 5], [3, 2], 'bicubic', [93, 130, 144, 125, 130, 122, 138, 119, 146, 133, 99, 114, 154, 136, 127, 123, 120, 146]],
  [[7, 5], [3, 2], 'lanczos', [94, 128, 144, 123, 131, 121, 139, 122, 148, 137, 98, 112, 153, 131, 128, 122, 122, 147]],
  [
    [3, 2],
    [4, 3],
    'nearest',
    [
      0, 97, 194, 37, 134, 231, 37, 134, 231, 74, 171, 12, 61, 158, 255, 111, 208, 49, 111, 208, 49, 161, 2, 99, 61,
      158, 255, 111, 208, 49, 111, 208, 49, 161, 2, 99,
    ],
  ],
  [
    [3, 2],
    [4, 3],
    'box',
    [
      0, 97, 194, 37, 134, 231, 37, 134, 231, 74, 171, 12, 61, 158, 255, 111, 208, 49, 111, 208, 49, 161, 2, 99, 61,
      158, 255, 111, 208, 49, 111, 208, 49, 161, 2, 99,
    ],
  ],
  [
    [3, 2],
    [4, 3],
    'bilinear',
    [
      0, 97, 194, 23, 120, 217, 51, 148, 149, 74, 171, 12, 31, 128, 225, 58, 155, 172, 91, 140, 109, 118, 87, 56, 61,
      158, 255, 92, 189, 126, 130, 131, 68, 161, 2, 99,
    ],
  ],
  [
    [3, 2],
    [4, 3],
    'bicubic',
    [
      0, 91, 188, 17, 112, 240, 48, 151, 159, 70, 184, 0, 29, 125, 224, 55, 161, 178, 93, 143, 103, 120, 87, 52, 62,
      159, 255, 93, 210, 115, 138, 134, 46, 170, 0, 109,
    ],
  ],
  [
    [3, 2],
    [4, 3],
    'lanczos',
    [
      0, 88, 177, 8, 100, 255, 48, 158, 158, 65, 194, 0, 30, 123, 221, 50, 165, 187, 99, 142, 93, 120, 87, 54, 66, 157,
      255, 91, 229, 113, 149, 126, 28, 174, 0, 120,
    ],
  ],
  [[1, 1], [2, 1], 'nearest', [0, 97, 194, 0, 97, 194]],
  [[1, 1], [2, 1], 'box', [0, 97, 194, 0, 97, 194]],
  [[1, 1], [2, 1], 'bilinear', [0, 97, 194, 0, 97, 194]],
  [[1, 1], [2, 1], 'bicubic', [0, 97, 194, 0, 97, 194]],
  [[1, 1], [2, 1], 'lanczos', [0, 97, 194, 0, 97, 194]],
  [[1, 5], [1, 2], 'nearest', [61, 158, 255, 183, 24, 121]],
  [[1, 5], [1, 2], 'box', [61, 158, 170, 214, 55, 152]],
  [[1, 5], [1, 2], 'bilinear', [61, 146, 185, 183, 94, 133]],
  [[1, 5], [1, 2], 'bicubic', [52, 150, 186, 192, 93, 129]],
  [[1, 5], [1, 2], 'lanczos', [49, 151, 183, 195, 96, 128]],
  [[5, 1], [2, 1], 'nearest', [37, 134, 231, 111, 208, 49]],
  [[5, 1], [2, 1], 'box', [37, 134, 146, 130, 227, 68]],
  [[5, 1], [2, 1], 'bilinear', [37, 134, 161, 111, 208, 61]],
  [[5, 1], [2, 1], 'bicubic', [32, 129, 165, 116, 213, 54]],
  [[5, 1], [2, 1], 'lanczos', [30, 127, 164, 118, 215, 51]],
])('makes of %j %j by %s what Pillow makes', ([width, height], [newWidth, newHeight], filter, expected) => {
  const image = resample(pattern(width, height), newWidth, newHeight, filter);
  expect({ ...image, data: [...image.data] }).toEqual({ width: newWidth, height: newHeight, data: expected });
});

it.each<[Size, Size, Record<ResampleFilter, string>]>([
  [
    [97, 61],
    [31, 45],
    {
      nearest: '9cbb49273ae05d80',
      box: '5f72954cdb9628a3',
      bilinear: '4fa96f9073e29685',
      bicubic: '5658c11d7363a1e7',
      lanczos: '4b64ad3fbafc65ad',
    },
  ],
  [
    [61, 47],
    [200, 150],
    {
      nearest: 'bac388cc98f7643f',
      box: 'bac388cc98f7643f',
      bilinear: '669a9eec44a84c18',
      bicubic: '9807ebe80ec65422',
      lanczos: '6b579b74711a5824',
    },
  ],
  [
    [130, 70],
    [130, 33],
    {
      nearest: 'a7582c8f16c0f8f4',
      box: '4e2f0a6c17cd0e1b',
      bilinear: 'b5709e29099a9145',
      bicubic: '91a8ee320122c915',
      lanczos: '9a287e32f3363e73',
    },
  ],
  [
    [300, 200],
    [17, 13],
    {
      nearest: '2c70b9e30543c2e4',
      box: 'a106e668045d1b1e',
      bilinear: 'f0f1aaf5a99bd6bd',
      bicubic: 'f718e4f7a3a1d9d6',
      lanczos: '9b8367b370ecdb9b',
    },
  ],
])('makes of %j %j what Pillow makes, by every filter', async ([width, height], [newWidth, newHeight], hashes) => {
  for (const [filter, hash] of Object.entries(hashes)) {
    const image = resample(pattern(width, height), newWidth, newHeight, filter as ResampleFilter);
    expect((await hashImage(image)).slice(0, 16), filter).toBe(hash);
  }
});

it('keeps an image of the right size as it is', () => {
  const image = pattern(5, 4);
  expect(resample(image, 5, 4, 'bicubic')).toBe(image);
});

it('keeps a flat image flat', () => {
  const image = { width: 40, height: 30, data: new Uint8Array(3600).fill(255) };
  for (const filter of ['nearest', 'box', 'bilinear', 'bicubic', 'lanczos'] as const) {
    for (const [width, height] of [
      [7, 9],
      [90, 70],
    ] as const) {
      expect(resample(image, width, height, filter).data.every((value) => value === 255)).toBe(true);
    }
  }
});
