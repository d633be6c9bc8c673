// Hashes of images: a value computed elsewhere, and that every part counts.
import { expect, it } from 'vitest';
import { hashImage, hashPixelValues } from './hash.js';

const data = Uint8Array.of(0, 97, 194, 37, 134, 231, 74, 171, 12, 61, 158, 255, 111, 208, 49, 161, 2, 99);

it('is the SHA-256 of size and pixels', async () => {
  expect(await hashImage({ width: 3, height: 2, data })).toBe(
    '786a8f674502c4689caaad2c9444475251fd3d79a926d8143b49704e86a0f3ea',
  );
});

it('differs with shape and pixels', async () => {
  const other = data.with(17, 100);
  const images = [
    { width: 3, height: 2, data },
    { width: 2, height: 3, data },
    { width: 3, height: 2, data: other },
  ];
  expect(new Set(await Promise.all(images.map(hashImage))).size).toBe(3);
});

it('tells pixel values apart', async () => {
  const [one, two] = [await hashPixelValues(Float32Array.of(1)), await hashPixelValues(Float32Array.of(2))];
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(two).not.toBe(one);
});
