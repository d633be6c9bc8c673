// Pictures or a model: what dropped files are taken for.
import { describe, expect, it } from 'vitest';
import { isForPicture } from './dropped.js';

const file = (name: string, type = ''): { name: string; type: string } => ({ name, type });

describe('dropped files', () => {
  it.each([
    ['a picture', [file('a.png', 'image/png')], true, true],
    ['a picture without a type', [file('A.JPG')], true, true],
    ['anything that is no model', [file('a.pdf', 'application/pdf')], true, true],
    ['a model of PyTorch', [file('consolidated.00.pth')], true, false],
    ['a model', [file('config.json', 'application/json'), file('model.safetensors')], true, false],
    ['a model with a picture in it', [file('config.json'), file('logo.png', 'image/png')], true, false],
    ['for a blind model, a picture all the same', [file('b.webp')], false, true],
    ['for a blind model, all else', [file('weights')], false, false],
  ] as const)('%s', (_, files, takesPictures, expected) => {
    expect(isForPicture(files, takesPictures)).toBe(expected);
  });
});
