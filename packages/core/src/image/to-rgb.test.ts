// Transparency on white, and pixels that do not fit their size.
import { expect, it } from 'vitest';
import { toRgb } from './to-rgb.js';

it('lays every alpha on white as a rounded division does', () => {
  const rgba = Uint8ClampedArray.from({ length: 256 * 256 * 4 }, (_, i) => (i % 4 === 3 ? i >> 10 : (i >> 2) & 255));
  const { data } = toRgb({ width: 256, height: 256, data: rgba });
  const expected = Uint8Array.from({ length: 3 * 65536 }, (_, i) => {
    const [value, alpha] = [Math.floor(i / 3) & 255, (i / 3 / 256) | 0];
    return Math.round((value * alpha + 255 * (255 - alpha)) / 255);
  });
  expect(data.findIndex((value, i) => value !== expected[i])).toBe(-1);
});

it('copies opaque pixels', () => {
  const data = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const image = toRgb({ width: 2, height: 1, data });
  data.fill(0);
  expect([...image.data]).toEqual([1, 2, 3, 4, 5, 6]);
});

it.each([
  [2, 2, 11],
  [2, 2, 8],
  [0, 5, 0],
  [1.5, 2, 9],
  [Number.NaN, 1, 3],
  [-1, -1, 3],
])('refuses %d × %d pixels with %d values', (width, height, length) => {
  expect(() => toRgb({ width, height, data: new Uint8Array(length) })).toThrow(
    expect.objectContaining({ code: 'invalid_image' }),
  );
});
