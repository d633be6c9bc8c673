// Without sharp, Node's decoder says what to install. What it decodes with it is in image/load-image.test.ts.
import { expect, it, vi } from 'vitest';
import { createNodeImageDecoder } from './node-image.js';

vi.mock('sharp', () => {
  throw new Error("Cannot find package 'sharp'");
});

it('names the package that is missing', async () => {
  await expect(createNodeImageDecoder().decode(new Uint8Array(1), 'png', 1)).rejects.toMatchObject({
    code: 'unsupported_format',
    hint: expect.stringContaining('npm install sharp'),
    cause: expect.anything(),
  });
});
