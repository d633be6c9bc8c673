// What becomes of the things a page has at hand; the browser's own parts are stood in for.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { toImageInput } from './image-input.js';

afterEach(() => vi.unstubAllGlobals());

describe('toImageInput', () => {
  it('resolves addresses against the page', async () => {
    vi.stubGlobal('location', { href: 'https://example.org/app/index.html' });
    expect(await toImageInput('cat.png')).toBe('https://example.org/app/cat.png');
    expect(await toImageInput(new URL('https://example.com/dog.png'))).toBe('https://example.com/dog.png');
    expect(await toImageInput('data:image/png;base64,AAAA')).toBe('data:image/png;base64,AAAA');
    await expect(toImageInput('http://[')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('leaves a path alone where there is no page', async () => {
    expect(await toImageInput('pictures/cat.png')).toBe('pictures/cat.png');
  });

  it('passes files and pixels on', async () => {
    const file = new Blob(['x']);
    const data = new Uint8ClampedArray(4);
    expect(await toImageInput(file)).toBe(file);
    expect(await toImageInput({ width: 1, height: 1, data })).toEqual({ width: 1, height: 1, data });
  });

  it('takes a bitmap of what can be drawn', async () => {
    const bitmap = { width: 2, height: 2, close() {} };
    const create = vi.fn(async () => bitmap);
    vi.stubGlobal('createImageBitmap', create);
    const canvas = { width: 2, height: 2, getContext() {} };
    expect(await toImageInput(canvas)).toBe(bitmap);
    expect(create).toHaveBeenCalledWith(canvas, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
  });

  it('explains what cannot be read', async () => {
    vi.stubGlobal('createImageBitmap', () => Promise.reject(new Error('tainted')));
    await expect(toImageInput({ width: 2, height: 2 })).rejects.toMatchObject({ code: 'invalid_request' });
    for (const nonsense of [null, 7, {}]) {
      await expect(toImageInput(nonsense as never)).rejects.toMatchObject({ code: 'invalid_request' });
    }
  });
});
