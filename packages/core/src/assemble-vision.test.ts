// What a tower's input must be when somebody gives it directly: whole tiles, as many as the picture's size asks for.
import { describe, expect, it } from 'vitest';
import { assembleVision } from './assemble-vision.js';
import type { ImageReader } from './engine/images.js';
import type { Checkpoint } from './load/checkpoint.js';
import { RawConfig } from './models/raw-config.js';
import { deepseekVlHybrid } from './models/vlm/families/deepseek-vl.js';
import { llava } from './models/vlm/families/llava.js';
import { llavaNext } from './models/vlm/families/llava-next.js';
import { qwenVl } from './models/vlm/families/qwen-vl.js';
import { qwen2Vl } from './models/vlm/families/qwen2-vl.js';
import type { VlmFamily } from './models/vlm/vlm-config.js';

const SIDE = 8;
const CONFIG = {
  image_token_index: 7,
  vision_config: {
    model_type: 'clip_vision_model',
    hidden_size: 8,
    num_attention_heads: 2,
    image_size: SIDE,
    patch_size: 4,
  },
  image_grid_pinpoints: [[SIDE, 2 * SIDE]],
};
const decoder = { decode: () => Promise.reject(new Error('nothing is decoded here')) };

function readerOf(
  family: VlmFamily,
  type: string,
  config: object = CONFIG,
  settings: object = {},
): Promise<ImageReader> {
  const processor = {
    image_processor_type: type,
    size: { shortest_edge: SIDE },
    max_pixels: 256,
    min_pixels: 16,
    crop_size: { height: SIDE, width: SIDE },
    ...settings,
  };
  const checkpoint: Checkpoint = {
    name: 'test',
    config: { ...config },
    generationConfig: undefined,
    tensors: new Map(),
    readBytes: async () => undefined,
    readText: async () => JSON.stringify({ ...processor, image_grid_pinpoints: CONFIG.image_grid_pinpoints }),
  };
  return assembleVision(checkpoint, family.readConfig(new RawConfig({ ...config }), 16), decoder, undefined);
}

function pixelValues(numTiles: number, numValues = numTiles * 3 * SIDE * SIDE) {
  const originalSize = { width: 16, height: 8 };
  return { kind: 'pixel_values', values: new Float32Array(numValues), numTiles, originalSize } as const;
}

describe('pixel values', () => {
  it('are laid out as the size of the original says', async () => {
    const reader = await readerOf(llavaNext, 'LlavaNextImageProcessor');
    const { placement } = await reader.read(pixelValues(3), 1, undefined);
    expect(placement.numRows).toBe(4 + 2 * 5);
  });

  it('of several tiles without a grid follow one another', async () => {
    const reader = await readerOf(llava, 'CLIPImageProcessor');
    expect((await reader.read(pixelValues(2), 1, undefined)).placement.numRows).toBe(8);
  });

  it.each([
    ['another number of tiles than the grid has', pixelValues(4), 'invalid_request'],
    ['half a tile', pixelValues(3, 100), 'invalid_config'],
  ])('are refused with %s', async (_what, given, code) => {
    const reader = await readerOf(llavaNext, 'LlavaNextImageProcessor');
    await expect(reader.read(given, 1, undefined)).rejects.toMatchObject({ code });
  });
});

describe('a second tower', () => {
  const sam = { hidden_size: 8, num_attention_heads: 2, image_size: 16, patch_size: 4 };
  const siglip = { ...CONFIG.vision_config, model_type: 'siglip_vision_model' };
  const hybrid = { image_token_id: 7, vision_config: siglip, high_res_vision_config: sam };
  const readHybrid = async (highRes?: Float32Array<ArrayBuffer>) => {
    const settings = { min_size: 1, size: { height: SIDE, width: SIDE }, high_res_size: { height: 16, width: 16 } };
    const reader = await readerOf(deepseekVlHybrid, 'DeepseekVLHybridImageProcessor', hybrid, settings);
    return reader.read({ ...pixelValues(1), ...(highRes && { highRes }) }, 1, undefined);
  };

  it('sees the same tiles, and its values count when images are compared', async () => {
    const [one, other] = [new Float32Array(768), new Float32Array(768).fill(1)];
    const image = await readHybrid(one);
    expect(image).toMatchObject({ highRes: one, placement: { numRows: 4 } });
    expect((await readHybrid(other)).hash).not.toBe(image.hash);
  });

  it.each([
    ['no values', undefined],
    ['those of another size', new Float32Array(192)],
  ])('is not given %s', async (_what, highRes) => {
    await expect(readHybrid(highRes)).rejects.toMatchObject({ code: 'invalid_config' });
  });

  it('is not in other models', async () => {
    const reader = await readerOf(llava, 'CLIPImageProcessor');
    const given = { ...pixelValues(1), highRes: new Float32Array(192) };
    await expect(reader.read(given, 1, undefined)).rejects.toMatchObject({ code: 'invalid_config' });
  });
});

describe('patches', () => {
  const config = { image_token_id: 7, vision_config: { embed_dim: 16, num_heads: 2, patch_size: 2 } };
  const patches = (rows: number, cols: number, numValues = rows * cols * 24) =>
    ({
      ...pixelValues(1, numValues),
      patches: { rows, cols },
    }) as const;

  it('are rows in lines and columns', async () => {
    const reader = await readerOf(qwen2Vl, 'Qwen2VLImageProcessor', config);
    const { placement, tiles } = await reader.read(patches(4, 6), 1, undefined);
    expect(placement).toMatchObject({ numRows: 6, grid: { rows: 2, cols: 3 } });
    expect(tiles.length).toBe(3 * 8 * 12);
  });

  it.each([
    ['half a block', patches(3, 4), 'invalid_request'],
    ['a side of nothing', patches(0, 4), 'invalid_request'],
    ['more pixels than there is room for', patches(74, 72), 'invalid_config'],
    ['other values than they say', patches(4, 6, 100), 'invalid_request'],
    ['tiles instead', pixelValues(1), 'invalid_config'],
  ])('are refused with %s', async (_what, given, code) => {
    const reader = await readerOf(qwen2Vl, 'Qwen2VLImageProcessor', config);
    await expect(reader.read(given, 1, undefined)).rejects.toMatchObject({ code });
  });

  it('are refused by models that take tiles', async () => {
    const reader = await readerOf(llava, 'CLIPImageProcessor');
    await expect(reader.read(patches(4, 6), 1, undefined)).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('a checkpoint without preprocessor_config.json', () => {
  const without = (family: VlmFamily, config: object): Promise<ImageReader> => {
    const checkpoint: Checkpoint = {
      ...{ name: 'test', config: { ...config }, generationConfig: undefined, tensors: new Map() },
      readBytes: async () => undefined,
      readText: async () => undefined,
    };
    return assembleVision(checkpoint, family.readConfig(new RawConfig({ ...config }), 128), decoder, undefined);
  };

  it('is read as its family says, every picture stretched to a square', async () => {
    const visual = { image_size: SIDE, patch_size: 4, width: 8, layers: 1, heads: 2, mlp_ratio: 4, output_dim: 128 };
    const reader = await without(qwenVl, { visual: { ...visual, image_start_id: 5 } });
    expect(reader).toMatchObject({ imageTokenId: 7, imageBounds: { startId: 5, endId: 6 } });
    const wide = { width: 3 * SIDE, height: SIDE, data: new Uint8Array(9 * SIDE * SIDE).fill(255) };
    const { tiles, placement } = await reader.read(wide, 1, undefined);
    expect([tiles.length, placement.numRows]).toEqual([3 * SIDE * SIDE, 256]);
    expect(tiles[0]).toBeCloseTo((1 - 0.48145466) / 0.26862954, 5);
  });

  it('is refused where the family does not say', async () => {
    await expect(without(llava, CONFIG)).rejects.toMatchObject({ code: 'file_missing' });
  });
});

describe('an image token that config.json does not have', () => {
  const family: VlmFamily = {
    ...llava,
    readConfig: (raw, hidden) => ({ ...llava.readConfig(raw, hidden), imageTokenId: { text: '<image>' } }),
  };
  const readWith = (tokenToId: (token: string) => number | undefined) => {
    const checkpoint: Checkpoint = {
      ...{ name: 'test', config: CONFIG, generationConfig: undefined, tensors: new Map() },
      readBytes: async () => undefined,
      readText: async () => '{"image_processor_type":"CLIPImageProcessor"}',
    };
    const vision = family.readConfig(new RawConfig(CONFIG), 16);
    return assembleVision(checkpoint, vision, decoder, undefined, { tokenToId });
  };

  it('is the one that the tokenizer knows', async () => {
    const { imageTokenId } = await readWith((token) => (token === '<image>' ? 9 : undefined));
    expect(imageTokenId).toBe(9);
  });

  it('is missed where there is none', async () => {
    await expect(readWith(() => undefined)).rejects.toMatchObject({ code: 'invalid_tokenizer' });
  });
});
