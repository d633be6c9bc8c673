// Pixel values of a command line, from files that may hold anything.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from '@pagemind/core/node';
import { afterAll, describe, expect, it } from 'vitest';
import { readPixelValues } from './pixel-values.js';

const folder = mkdtempSync(join(tmpdir(), 'pagemind-pixels-'));
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

afterAll(() => rmSync(folder, { recursive: true }));

describe('pixel values', () => {
  const tensor = (dtype: 'F32' | 'F16' | 'I32' | 'I64', shape: readonly number[], data: ArrayBufferView) => ({
    dtype,
    shape,
    data: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  });
  const count = (length: number) => Float32Array.from({ length }, (_, i) => i);
  const one = tensor('F32', [1, 3, 2, 2], count(12));

  it('are one image for each of the leading dimension', async () => {
    const path = file('plain.safetensors', writeSafetensors({ pixel_values: tensor('F32', [2, 3, 2, 2], count(24)) }));
    expect(await readPixelValues(path)).toEqual([
      { kind: 'pixel_values', values: count(24).slice(0, 12), numTiles: 1 },
      { kind: 'pixel_values', values: count(24).slice(12), numTiles: 1 },
    ]);
  });

  it.each([
    ['I32', Int32Array.of(5, 7, 9, 11)],
    ['I64', BigInt64Array.of(5n, 7n, 9n, 11n)],
  ] as const)('have tiles, and sizes in %s', async (dtype, sizes) => {
    const pixel_values = tensor('F32', [2, 3, 3, 1, 1], count(18));
    const path = file(
      `${dtype}.safetensors`,
      writeSafetensors({ pixel_values, image_sizes: tensor(dtype, [2, 2], sizes) }),
    );
    expect(await readPixelValues(path)).toEqual([
      { kind: 'pixel_values', values: count(9), numTiles: 3, originalSize: { height: 5, width: 7 } },
      { kind: 'pixel_values', values: count(18).slice(9), numTiles: 3, originalSize: { height: 9, width: 11 } },
    ]);
  });

  it('have those of a second tower beside', async () => {
    const high_res_pixel_values = tensor('F32', [2, 3, 2, 2], count(24));
    const pixel_values = tensor('F32', [2, 3, 1, 1], count(6));
    const path = file('high-res.safetensors', writeSafetensors({ pixel_values, high_res_pixel_values }));
    expect(await readPixelValues(path)).toEqual([
      { kind: 'pixel_values', values: count(3), highRes: count(12), numTiles: 1 },
      { kind: 'pixel_values', values: count(6).slice(3), highRes: count(24).slice(12), numTiles: 1 },
    ]);
    const fewer = file('fewer.safetensors', writeSafetensors({ pixel_values, high_res_pixel_values: one }));
    await expect(readPixelValues(fewer)).rejects.toMatchObject({ code: 'file_malformed' });
  });

  it('are patches, as many as the grids of the images say', async () => {
    const path = file(
      'patches.safetensors',
      writeSafetensors({
        pixel_values: tensor('F32', [10, 2], count(20)),
        image_grid_thw: tensor('I64', [2, 3], BigInt64Array.of(1n, 2n, 2n, 1n, 2n, 3n)),
      }),
    );
    expect(await readPixelValues(path)).toEqual([
      { kind: 'pixel_values', values: count(8), numTiles: 1, patches: { rows: 2, cols: 2 } },
      { kind: 'pixel_values', values: count(20).slice(8), numTiles: 1, patches: { rows: 2, cols: 3 } },
    ]);
  });

  it.each([
    ['other patches', [9, 2], [1, 2, 5]],
    ['several frames', [10, 2], [2, 1, 5]],
    ['a side below nothing', [10, 2], [1, -2, -5]],
    ['tiles', [1, 3, 2, 2], [1, 1, 1]],
  ])('are refused as patches with %s', async (name, shape, sides) => {
    const pixel_values = tensor('F32', shape, count(shape.reduce((a, b) => a * b)));
    const image_grid_thw = tensor('I32', [1, 3], Int32Array.from(sides));
    const path = file(`${name}.safetensors`, writeSafetensors({ pixel_values, image_grid_thw }));
    await expect(readPixelValues(path)).rejects.toMatchObject({ code: 'file_malformed' });
  });

  it.each([
    ['another tensor', { pixels: one }, /has no tensor pixel_values/],
    ['another dtype', { pixel_values: tensor('F16', [1, 3, 2, 1], new Uint16Array(6)) }, /F16 \[1, 3, 2, 1\]/],
    ['patches', { pixel_values: tensor('F32', [4, 3], count(12)) }, /pixel_values F32 \[4, 3\]/],
    ['grey pixels', { pixel_values: tensor('F32', [3, 1, 2, 2], count(12)) }, /F32 \[3, 1, 2, 2\]/],
    ['no pixels', { pixel_values: tensor('F32', [0, 3, 2, 2], count(0)) }, /F32 \[0, 3, 2, 2\]/],
    ['oblong tiles', { pixel_values: tensor('F32', [1, 3, 1, 4], count(12)) }, /F32 \[1, 3, 1, 4\]/],
    [
      'sizes of other images',
      { pixel_values: one, image_sizes: tensor('I32', [2, 2], new Int32Array(4)) },
      /image_sizes I32 \[2, 2\]/,
    ],
    [
      'sizes of nothing',
      { pixel_values: one, image_sizes: tensor('I32', [1, 2], new Int32Array(2)) },
      /image_sizes I32 \[1, 2\]/,
    ],
    [
      'sizes in bytes',
      { pixel_values: one, image_sizes: { dtype: 'U8', shape: [1, 2], data: Uint8Array.of(2, 2) } as const },
      /image_sizes U8 \[1, 2\]/,
    ],
  ])('refuse %s', async (name, tensors, message) => {
    const path = file(`${name}.safetensors`, writeSafetensors(tensors));
    await expect(readPixelValues(path)).rejects.toMatchObject({ code: 'file_malformed', message });
  });

  it('refuse what is no such file', async () => {
    await expect(readPixelValues(file('x.safetensors', 'hello, world'))).rejects.toMatchObject({
      code: 'file_malformed',
    });
    await expect(readPixelValues(join(folder, 'nowhere'))).rejects.toThrow(/nowhere cannot be read/);
  });
});
