// The committed sample pictures are those of the script, small, and PNG files that read back.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { samplesFolder } from './draw.mjs';
import { decodePng, encodePng } from './png.mjs';
import { paint } from './raster.mjs';
import { samples, side } from './samples.mjs';

describe('PNG files', () => {
  it('read back as they were written', () => {
    const image = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i * 14) };
    expect(decodePng(encodePng(image))).toEqual(image);
  });
});

describe('painting', () => {
  it('fills what is inside, and smooths the edge', () => {
    const square = {
      points: [
        [0.5, 0],
        [2, 0],
        [2, 2],
        [0.5, 2],
      ],
      rgb: [0, 0, 0],
    };
    const { data } = paint(3, [200, 200, 200], [square]);
    expect([0, 1, 2].map((x) => data[x * 3])).toEqual([100, 0, 200]);
    expect(data[2 * 9]).toBe(200);
  });
});

describe('the sample pictures', () => {
  it.each(Object.entries(samples))('%s is the one that is committed', (name, { ground, polygons }) => {
    const file = readFileSync(join(samplesFolder, `${name}.png`));
    expect(file.length).toBeLessThanOrEqual(6000);
    // Pixels, not bytes: not every zlib packs alike.
    expect(Buffer.compare(decodePng(file).data, paint(side, ground, polygons).data)).toBe(0);
  });

  it('are all there is', () => {
    expect(readdirSync(samplesFolder).sort()).toEqual(
      Object.keys(samples)
        .map((name) => `${name}.png`)
        .sort(),
    );
  });
});
