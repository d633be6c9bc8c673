// The entry point for Node, as far as it needs no GPU: images from paths, files and pixels.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadImage } from './node.js';

const PICTURE = fileURLToPath(new URL('../../../tools/embedded-model/golden/golden.png', import.meta.url));

describe('loadImage', () => {
  it('reads a path, and pixels that it gave', async () => {
    const image = await loadImage(PICTURE);
    expect(image.data).toHaveLength(image.width * image.height * 3);
    expect(await loadImage(image)).toEqual(image);
  });

  it.each([
    ['a path that leads nowhere', `${PICTURE}.gone`, {}, 'source_unreachable'],
    ['an image above the limit', PICTURE, { maxPixels: 100 }, 'image_too_large'],
    ['a file that is no image', new Blob(['<html>']), {}, 'invalid_image'],
  ])('refuses %s', async (_what, source, options, code) => {
    await expect(loadImage(source, options)).rejects.toMatchObject({ code });
  });
});
