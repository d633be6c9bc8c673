// The processors against the pixel values of the reference implementations, and against Pillow's numbers for larger
// pictures. sharp decodes.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createNodeImageDecoder } from '../platform/node-image.js';
import { describeWithFixtures } from '../testing/fixtures.js';
import { readTensors, type TensorValues } from '../testing/tensors.js';
import type { RgbImage } from './image.js';
import { loadImage } from './load-image.js';
import type { ProcessedImage } from './processed-image.js';
import { createImageProcessor } from './processor.js';
import type { Settings } from './processor-config.js';

const decoder = createNodeImageDecoder();
const load = (path: string): Promise<RgbImage> => loadImage(path, decoder);
const json = (path: string): Settings => JSON.parse(readFileSync(path, 'utf8')) as Settings;

interface Case {
  readonly folder: string;
  readonly images?: readonly string[];
  readonly tensor?: string;
  /** Of a second tower. */
  readonly highRes?: string;
  /** Over preprocessor_config.json. */
  readonly settings?: Settings;
  /** How the reference arranges the values of an image. */
  readonly arrange?: (image: ProcessedImage, config: Settings) => Float32Array;
  readonly grid: readonly [rows: number, cols: number, basePosition: ProcessedImage['basePosition']];
}

const ONE: Case['grid'] = [0, 0, 'only'];
const SIGLIP: Settings = { image_processor_type: 'SiglipImageProcessor' }; // their authors' files name no type

const CASES: readonly Case[] = [
  { folder: 'llava', grid: ONE },
  { folder: 'llava', images: ['image_b.png', 'image_b2.png'], tensor: 'pixel_values_b', grid: ONE },
  { folder: 'llava_next', grid: [1, 3, 'first'] },
  { folder: 'llava_onevision', grid: [2, 2, 'first'] },
  { folder: 'idefics3', grid: [1, 2, 'last'] },
  { folder: 'smolvlm', grid: ONE },
  { folder: 'qwen2_vl', arrange: patchify, grid: ONE },
  { folder: 'qwen2_5_vl', arrange: patchify, grid: ONE },
  { folder: 'deepseek_vl', grid: ONE },
  { folder: 'deepseek_vl_hybrid', highRes: 'high_res_pixel_values', grid: ONE },
  { folder: 'internvl', grid: [1, 2, 'last'] },
  { folder: 'qwen-vl', settings: SIGLIP, grid: ONE },
  { folder: 'internlm-xcomposer', settings: SIGLIP, grid: ONE },
];

describeWithFixtures('pixel values of the golden checkpoints', 'goldens', (goldens) => {
  const named = CASES.map((each) => [`${each.folder}, ${each.tensor ?? 'pixel_values'}`, each] as const);
  it.each(named)('%s', async (_, { folder, images = ['image.png'], tensor = 'pixel_values', ...more }) => {
    const config = { ...json(`${goldens}/${folder}/preprocessor_config.json`), ...more.settings };
    const processor = createImageProcessor(config, json(`${goldens}/${folder}/config.json`));
    const wanted = (await golden(`${goldens}/${folder}`)).get(tensor) as TensorValues;
    const found: number[] = [];
    const highRes: number[] = [];
    for (const name of images) {
      const processed = processor.process(await load(`${goldens}/${folder}/${name}`));
      expect([processed.gridRows, processed.gridCols, processed.basePosition]).toEqual(more.grid);
      found.push(...(more.arrange?.(processed, config) ?? processed.tiles));
      highRes.push(...(processed.highRes ?? []));
    }
    expectSame(folder, found, wanted.values);
    const wantedToo = more.highRes && (await golden(`${goldens}/${folder}`)).get(more.highRes);
    expectSame(folder, highRes, wantedToo ? wantedToo.values : []);
  });

  it('llava-original, whose config.json says how images are cut', async () => {
    const processor = createImageProcessor(
      json(`${goldens}/llava-original/clip/preprocessor_config.json`),
      json(`${goldens}/llava-original/config.json`),
    );
    const wanted = (await golden(`${goldens}/llava_next`)).get('pixel_values') as TensorValues;
    const { tiles } = processor.process(await load(`${goldens}/llava_next/image.png`));
    expectSame('llava-original', [...tiles], wanted.values);
  });
});

async function golden(folder: string): Promise<ReadonlyMap<string, TensorValues>> {
  return readTensors(await readFile(`${folder}/golden.safetensors`));
}

/** The values are the same to the last bit. */
function expectSame(name: string, found: readonly number[], wanted: ArrayLike<number>): void {
  expect(found.length, name).toBe(wanted.length);
  const difference = found.reduce((max, value, i) => Math.max(max, Math.abs(value - (wanted[i] as number))), 0);
  expect(difference, name).toBe(0);
}

/** [numPatches, 3, frames, patch, patch]: the patches of a merged block after one another, each frame the same. */
function patchify({ tiles, tileWidth, tileHeight }: ProcessedImage, config: Settings): Float32Array {
  const { patch_size: patch, merge_size: merge, temporal_patch_size: numFrames } = config as Record<string, number>;
  if (!patch || !merge || !numFrames) throw new Error('the case has no patch size');
  const block = patch * merge;
  const out: number[] = [];
  for (let top = 0; top < tileHeight; top += block) {
    for (let left = 0; left < tileWidth; left += block) {
      for (let part = 0; part < merge * merge; part++) {
        const y = top + Math.floor(part / merge) * patch;
        const x = left + (part % merge) * patch;
        for (let plane = 0; plane < 3 * numFrames; plane++) {
          for (let row = 0; row < patch; row++) {
            const from = (Math.floor(plane / numFrames) * tileHeight + y + row) * tileWidth + x;
            out.push(...tiles.subarray(from, from + patch));
          }
        }
      }
    }
  }
  return Float32Array.from(out);
}

interface PillowCase {
  readonly shape: readonly [number, number, number];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly samples_c_y_x_value: readonly (readonly [number, number, number, number])[];
}

const CLIP_336: Settings = { size: { shortest_edge: 336 }, crop_size: { height: 336, width: 336 } };
const IMAGENET: Settings = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
const RECIPES: Readonly<Record<string, Settings>> = {
  clip336_shortest_edge_bicubic_center_crop: { image_processor_type: 'CLIPImageProcessor', ...CLIP_336 },
  llava_pad_square_then_clip336: { image_processor_type: 'LlavaImageProcessor', do_pad: true, ...CLIP_336 },
  imagenet448_direct_bicubic_resize: {
    image_processor_type: 'SiglipImageProcessor',
    size: { height: 448, width: 448 },
    ...IMAGENET,
  },
};

describeWithFixtures('Pillow on photographs', 'fixtures/golden-image/pillow_preprocess.json', (path) => {
  const { cases } = json(path) as { cases: Record<string, Record<string, PillowCase>> };
  const folder = path.replace('golden-image/pillow_preprocess.json', 'images');

  describe.each(Object.entries(cases))('%s', (name, recipes) => {
    it.each(Object.entries(RECIPES))('%s', async (recipe, settings) => {
      const { shape, mean, std, samples_c_y_x_value: samples } = recipes[recipe] as PillowCase;
      const processor = createImageProcessor(settings);
      const { tiles, tileWidth, tileHeight } = processor.process(await load(`${folder}/${name}`));
      expect([3, tileHeight, tileWidth]).toEqual(shape);
      // JPEG decoders may differ by a level; a level is 1/255 over the smallest standard deviation.
      const tolerance = name.endsWith('.png') ? 1e-6 : 1 / 255 / 0.22 + 1e-6;
      for (const [channel, y, x, value] of samples) {
        const found = tiles[(channel * tileHeight + y) * tileWidth + x] as number;
        expect(Math.abs(found - value), `${channel} ${y} ${x}`).toBeLessThan(tolerance);
      }
      const area = tileHeight * tileWidth;
      for (let channel = 0; channel < 3; channel++) {
        const plane = tiles.subarray(channel * area, (channel + 1) * area);
        const average = plane.reduce((sum, value) => sum + value, 0) / area;
        const variance = plane.reduce((sum, value) => sum + (value - average) ** 2, 0) / area;
        expect(Math.abs(average - (mean[channel] as number))).toBeLessThan(1e-3);
        expect(Math.abs(Math.sqrt(variance) - (std[channel] as number))).toBeLessThan(1e-3);
      }
    });
  });
});
