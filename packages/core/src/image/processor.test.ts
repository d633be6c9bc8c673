// Which configurations are taken, which refused, and what becomes of images of extreme shapes. That the values are right
// is in processor.fixtures.test.ts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import type { RgbImage } from './image.js';
import { createImageProcessor } from './processor.js';
import type { Settings } from './processor-config.js';

const image = (width: number, height: number, value = 0): RgbImage => ({
  width,
  height,
  data: new Uint8Array(3 * width * height).fill(value),
});
const size = { height: 8, width: 8 };

/** Small settings of every type. */
const SMALL: Readonly<Record<string, Settings>> = {
  CLIPImageProcessor: { size: { shortest_edge: 8 }, crop_size: 8 },
  DeepseekVLImageProcessor: { size, min_size: 2 },
  GotOcr2ImageProcessor: { size, crop_to_patches: true, max_patches: 6 },
  Idefics3ImageProcessor: { size: { longest_edge: 32 }, max_image_size: { longest_edge: 8 } },
  LlavaImageProcessor: { size: { shortest_edge: 8 }, crop_size: 8, do_pad: true },
  LlavaNextImageProcessor: {
    size: 8,
    crop_size: 8,
    image_grid_pinpoints: [
      [8, 16],
      [16, 8],
      [16, 16],
    ],
  },
  LlavaOnevisionImageProcessor: {
    size,
    image_grid_pinpoints: [
      [8, 8],
      [8, 24],
    ],
  },
  Qwen2VLImageProcessor: { min_pixels: 64, max_pixels: 256, patch_size: 2 },
  SiglipImageProcessor: { size },
  SmolVLMImageProcessor: { size: 32, max_image_size: 8, do_image_splitting: false },
  VLMImageProcessor: { size, min_size: 2, high_res_size: 16 },
};

const create = (type: string, more: Settings = {}, model: Settings = {}) =>
  createImageProcessor({ image_processor_type: type, ...SMALL[type], ...more }, model);

describe('createImageProcessor', () => {
  it.each([
    { image_processor_type: 'CLIPImageProcessor' },
    { image_processor_type: 'CLIPImageProcessorFast' },
    { image_processor_type: 'CLIPImageProcessorPil' },
    { feature_extractor_type: 'CLIPFeatureExtractor' },
    { image_processor_type: null, feature_extractor_type: 'CLIPFeatureExtractor' },
  ])('knows %j', (names) => {
    const { tiles, ...rest } = createImageProcessor(names).process(image(30, 20));
    expect(rest).toEqual({
      width: 30,
      height: 20,
      numTiles: 1,
      tileWidth: 224,
      tileHeight: 224,
      gridRows: 0,
      gridCols: 0,
      basePosition: 'only',
    });
    expect(tiles.length).toBe(3 * 224 * 224);
  });

  it.each([
    [{}],
    [{ image_processor_type: 'ViTImageProcessor' }],
    [{ image_processor_type: 'constructor' }],
    [{ image_processor_type: 5 }],
  ])('refuses %j, and tells what it knows', (settings) => {
    expect(() => createImageProcessor(settings)).toThrow(
      expect.objectContaining({ code: 'unsupported_model', hint: expect.stringMatching(/CLIP, .*SmolVLM/) }),
    );
  });

  it.each<[string, Settings]>([
    ['CLIPImageProcessor', { size: { shortest_edge: 0 } }],
    ['CLIPImageProcessor', { size: { shortest_edge: 8193 } }],
    ['CLIPImageProcessor', { size: { shortest_edge: 8, longest_edge: 16 } }],
    ['CLIPImageProcessor', { size: { width: 8 } }],
    ['CLIPImageProcessor', { size: '8' }],
    ['CLIPImageProcessor', { crop_size: { height: 1.5, width: 8 } }],
    ['CLIPImageProcessor', { do_resize: 'yes' }],
    ['CLIPImageProcessor', { resample: 5 }],
    ['CLIPImageProcessor', { resample: 'bicubic' }],
    ['CLIPImageProcessor', { rescale_factor: 0 }],
    ['CLIPImageProcessor', { image_mean: [0.5, 0.5] }],
    ['CLIPImageProcessor', { image_mean: [0.5, 0.5, '0.5'] }],
    ['CLIPImageProcessor', { image_std: [0.5, 0, 0.5] }],
    ['CLIPImageProcessor', { image_std: [0.5, 1e-60, 0.5] }],
    ['DeepseekVLImageProcessor', { size: { height: 8, width: 9 } }],
    ['DeepseekVLImageProcessor', { min_size: 9 }],
    ['DeepseekVLImageProcessor', { do_pad: false }],
    ['GotOcr2ImageProcessor', { max_patches: 65 }],
    ['GotOcr2ImageProcessor', { min_patches: 7 }],
    ['Idefics3ImageProcessor', { size: { longest_edge: 72 } }],
    ['Idefics3ImageProcessor', { do_resize: null }],
    ['LlavaNextImageProcessor', { image_grid_pinpoints: [] }],
    ['LlavaNextImageProcessor', { image_grid_pinpoints: [[8, 8, 8]] }],
    ['LlavaNextImageProcessor', { image_grid_pinpoints: [[8, 12]] }],
    ['LlavaNextImageProcessor', { image_grid_pinpoints: [['8', 8]] }],
    ['LlavaNextImageProcessor', { image_grid_pinpoints: [[0, 8]] }],
    ['LlavaNextImageProcessor', { image_grid_pinpoints: [[72, 64]] }],
    ['Qwen2VLImageProcessor', { max_pixels: 1e9 }],
    ['Qwen2VLImageProcessor', { patch_size: 0 }],
  ])('refuses %s with %j', (type, settings) => {
    expect(() => create(type, settings)).toThrow(
      expect.objectContaining({
        code: 'invalid_config',
        message: expect.stringMatching(/^preprocessor_config.json: /),
      }),
    );
  });

  it('takes any configuration or refuses it', () => {
    const keys = [
      ...new Set(Object.values(SMALL).flatMap(Object.keys)),
      'do_resize',
      'do_center_crop',
      'do_normalize',
      'image_std',
      'resample',
    ];
    const value = fc.oneof(
      fc.integer({ min: -2, max: 40 }),
      fc.constantFrom(null, true, false, 'x', 0.5, [], [1, 1, 1], {}, [[8, 8]]),
      fc.dictionary(
        fc.constantFrom('height', 'width', 'shortest_edge', 'longest_edge'),
        fc.integer({ min: 0, max: 40 }),
      ),
    );
    const side = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(SMALL)),
        fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 3 }),
        side,
        side,
        (type, settings, width, height) => {
          try {
            const { tiles, numTiles, tileWidth, tileHeight } = create(type, settings).process(image(width, height));
            expect(tiles.length).toBe(numTiles * 3 * tileWidth * tileHeight);
          } catch (error) {
            if (!(error instanceof PagemindError)) throw error;
            expect(error.code).not.toBe('internal');
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('process', () => {
  it.each(Object.keys(SMALL))('%s takes the smallest images, and narrow ones', (type) => {
    const processor = create(type);
    for (const [width, height] of [
      [1, 1],
      [1, 150],
      [150, 1],
      [8, 8],
      [16, 16],
    ] as const) {
      const { tiles, numTiles, gridRows, gridCols, basePosition } = processor.process(image(width, height, 200));
      expect(numTiles).toBe(gridRows * gridCols + 1);
      expect(basePosition === 'only').toBe(gridRows === 0);
      expect(tiles.every(Number.isFinite)).toBe(true);
    }
  });

  it('refuses shapes that would need too much memory on the way', () => {
    const tooLong = expect.objectContaining({ code: 'image_too_large' });
    expect(() =>
      createImageProcessor({ feature_extractor_type: 'CLIPFeatureExtractor' }).process(image(1, 65_535)),
    ).toThrow(tooLong);
    expect(() => create('LlavaImageProcessor').process(image(65_535, 1))).toThrow(tooLong);
    expect(() => create('Qwen2VLImageProcessor').process(image(1, 201))).toThrow(
      expect.objectContaining({ code: 'invalid_image' }),
    );
  });

  it('normalises every level, channel by channel', () => {
    const settings = { size: { height: 1, width: 1 }, image_mean: [0, 0.5, 1], image_std: [1, 0.5, 2] };
    const { tiles } = create('SiglipImageProcessor', settings).process(image(1, 1, 255));
    expect([...tiles]).toEqual([1, 1, 0]);
    const plain = { size: { height: 1, width: 1 }, do_normalize: false, do_rescale: false };
    expect([...create('SiglipImageProcessor', plain).process(image(1, 1, 255)).tiles]).toEqual([255, 255, 255]);
  });

  it('does with CLIP what the config.json of older LLaVA checkpoints says', () => {
    const wide = image(24, 8, 255);
    const tilesFor = (model: Settings) => create('CLIPImageProcessor', { do_normalize: false }, model).process(wide);
    const square = tilesFor({ image_aspect_ratio: 'square' });
    expect(tilesFor({})).toEqual(square);
    expect(square.tiles.every((value) => value === 1)).toBe(true);
    expect(tilesFor({ image_aspect_ratio: 'pad' }).tiles[0]).toBeCloseTo(0.48, 2);
    const anyres = {
      image_aspect_ratio: 'anyres',
      image_grid_pinpoints: [
        [8, 24],
        [8, 8],
      ],
    };
    expect(tilesFor(anyres)).toMatchObject({ numTiles: 4, gridRows: 1, gridCols: 3, basePosition: 'first' });
    expect(() => tilesFor({ image_aspect_ratio: 'anyres_max_9' })).toThrow(
      expect.objectContaining({ code: 'invalid_config' }),
    );
  });

  it('makes an image of Qwen2-VL no larger than is wanted', () => {
    const processor = create('Qwen2VLImageProcessor');
    expect(processor.process(image(24, 12))).toMatchObject({ tileWidth: 20, tileHeight: 8 });
    expect(processor.process(image(24, 12), { maxPixels: 64 })).toMatchObject({ tileWidth: 8, tileHeight: 4 });
    expect(processor.process(image(24, 12), { maxPixels: 1e6 })).toMatchObject({ tileWidth: 20, tileHeight: 8 });
  });

  it('cuts lengths as the authors of DeepSeek-VL do, where transformers rounds them', () => {
    const numBordered = (type: string): number => {
      const settings = { do_normalize: false, high_res_size: undefined };
      const { tiles } = create(type, settings).process(image(16, 15, 255));
      return tiles.filter((value) => value < 1).length;
    };
    expect([numBordered('DeepseekVLImageProcessor'), numBordered('VLMImageProcessor')]).toEqual([0, 3 * 8]);
  });

  it('cuts an image of LLaVA-OneVision only when it is alone', () => {
    const processor = create('LlavaOnevisionImageProcessor');
    expect(processor.process(image(24, 8))).toMatchObject({ numTiles: 4, basePosition: 'first' });
    expect(processor.process(image(24, 8), { numImages: 2 })).toMatchObject({ numTiles: 1, basePosition: 'only' });
  });
});
