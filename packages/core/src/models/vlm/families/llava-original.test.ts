// LLaVA in its authors' layout: keys and names of published configs, towers by name, and what cannot run.
import { describe, expect, it } from 'vitest';
import { createImageProcessor } from '../../../image/processor.js';
import type { Checkpoint } from '../../../load/checkpoint.js';
import { memorySource } from '../../../load/memory-source.js';
import { writeSafetensors } from '../../../load/safetensors-writer.js';
import type { TensorEntry } from '../../../load/tensor-entry.js';
import { openModel, resolveModel } from '../../model.js';
import { rowsPerTile } from '../vlm-config.js';

/** As liuhaotian/llava-v1.5-7b has it. */
const LLAVA_15 = {
  ...{ architectures: ['LlavaLlamaForCausalLM'], model_type: 'llava', hidden_size: 4096, num_hidden_layers: 32 },
  ...{ intermediate_size: 11008, num_attention_heads: 32, num_key_value_heads: 32, vocab_size: 32000 },
  ...{ image_aspect_ratio: 'pad', mm_hidden_size: 1024, mm_projector_type: 'mlp2x_gelu', mm_resampler_type: null },
  ...{ mm_use_im_patch_token: false, mm_use_im_start_end: false, mm_vision_select_feature: 'patch' },
  ...{ mm_vision_select_layer: -2, mm_vision_tower: 'openai/clip-vit-large-patch14-336' },
};

const LLAVA_16 = {
  ...LLAVA_15,
  image_aspect_ratio: 'anyres',
  mm_patch_merge_type: 'spatial_unpad',
  image_grid_pinpoints: [
    [336, 672],
    [1008, 336],
  ],
};

/** As lmms-lab/llava-onevision-qwen2-7b-ov has it, but for most of its sizes of images. */
const ONEVISION = {
  ...{ architectures: ['LlavaQwenForCausalLM'], model_type: 'llava', hidden_size: 3584, num_hidden_layers: 28 },
  ...{ intermediate_size: 18944, num_attention_heads: 28, num_key_value_heads: 4, vocab_size: 152064 },
  ...{ rope_theta: 1e6, sliding_window: 131072, use_sliding_window: false, max_window_layers: 28 },
  ...{ image_aspect_ratio: 'anyres_max_9', image_token_index: 151646, mm_newline_position: 'one_token' },
  ...{ mm_hidden_size: 1152, mm_patch_merge_type: 'spatial_unpad', mm_projector_type: 'mlp2x_gelu' },
  ...{ mm_resampler_type: null, mm_spatial_pool_mode: 'bilinear', mm_use_im_start_end: false },
  ...{ mm_vision_select_feature: 'patch', mm_vision_select_layer: -2 },
  ...{ mm_vision_tower: 'google/siglip-so400m-patch14-384' },
  image_grid_pinpoints: [
    [384, 768],
    [2304, 1152],
  ],
};

const TOWER = 'model.vision_tower.vision_tower.vision_model.';
const noFile = async (): Promise<undefined> => undefined;

function resolve(config: object, tensors: readonly string[] = [`${TOWER}pre_layrnorm.weight`, 'lm_head.weight']) {
  return resolveModel({
    ...{ name: 'test', config: { ...config }, generationConfig: undefined, readBytes: noFile, readText: noFile },
    tensors: new Map(tensors.map((name) => [name, { file: name } as TensorEntry])),
  } satisfies Checkpoint);
}

describe('llava in its original layout', () => {
  it('takes its tower from the name, and one tile where images are padded', () => {
    const { vision, decoder, family } = resolve(LLAVA_15);
    expect([family, decoder.family, decoder.isTied]).toEqual(['llava_llama', 'llama', false]);
    expect(vision?.tower).toMatchObject({ hiddenSize: 1024, numLayers: 23, imageSize: 336, activation: 'quick_gelu' });
    expect(vision).toMatchObject({ imageTokenId: 0, maxRows: 576, hasNewline: false });
    expect(vision?.processor?.({ resample: 2 })).toMatchObject({ size: { shortest_edge: 336 }, resample: 2 });
  });

  it('cuts images as LLaVA 1.6 does, whose sizes are pairs of width and height', () => {
    const { vision } = resolve(LLAVA_16);
    expect(vision && [vision.hasNewline, vision.maxRows, rowsPerTile(vision)]).toEqual([true, 576 + 24 * 73, 576]);
    expect(vision?.gridOf(1000, 3000)).toEqual({ rows: 2, cols: 1 });
    expect(vision?.gridOf(3000, 1000)).toEqual({ rows: 1, cols: 3 });
    expect(vision?.processor?.({})['image_grid_pinpoints']).toEqual([
      [672, 336],
      [336, 1008],
    ]);
  });

  it('is Mistral behind the same tower', () => {
    const { decoder } = resolve({ ...LLAVA_16, architectures: ['LlavaMistralForCausalLM'], sliding_window: null });
    expect(decoder.family).toBe('mistral');
  });

  it('is LLaVA-OneVision with SigLIP in front of Qwen2, cut and shrunk alike', () => {
    const { vision, decoder, family } = resolve(ONEVISION);
    expect([family, decoder.family, decoder.hasQkvBias, decoder.isTied]).toEqual(['llava_qwen', 'qwen2', true, false]);
    expect(vision?.tower).toMatchObject({ hiddenSize: 1152, numLayers: 26, imageSize: 384, activation: 'gelu_tanh' });
    expect(vision?.tower.hasPostNorm).toBe(false);
    expect(vision).toMatchObject({ imageTokenId: 151646, hasNewline: true, maxTaps: 4 });
    expect(vision?.gridOf(1000, 500)).toEqual({ rows: 3, cols: 6 });
    const made = vision?.processor?.({});
    expect(made).toMatchObject({ image_processor_type: 'LlavaOnevisionImageProcessor', image_mean: [0.5, 0.5, 0.5] });
    expect(createImageProcessor(made ?? {}).process({ width: 2, height: 1, data: new Uint8Array(6) })).toMatchObject({
      ...{ tileWidth: 384, gridRows: 2, gridCols: 1 },
    });
  });

  it('has one linear layer where config.json says so, or says nothing', () => {
    const names = [`${TOWER}pre_layrnorm.weight`, 'model.mm_projector.weight', 'model.mm_projector.bias'];
    for (const mm_projector_type of ['linear', undefined]) {
      const { vision, checkpoint } = resolve({ ...LLAVA_15, mm_projector_type }, names);
      expect(vision?.projector).toEqual([
        { name: 'projector.linear', numInputs: 1024, numOutputs: 4096, hasBias: true, activation: undefined },
      ]);
      expect([...checkpoint.tensors.keys()].slice(1)).toEqual(['projector.linear.weight', 'projector.linear.bias']);
    }
  });

  it('has norms behind its linear layers where Yi-VL has them', () => {
    const names = [`${TOWER}pre_layrnorm.weight`, ...[0, 1, 3, 4].map((i) => `model.mm_projector.${i}.weight`)];
    const { vision, checkpoint } = resolve({ ...LLAVA_15, mm_projector_type: 'mlp2x_gelu_Norm' }, names);
    expect(vision?.projector).toMatchObject([
      { name: 'projector.linear_1', activation: 'gelu', norm: { name: 'projector.norm_1', epsilon: 1e-5 } },
      { name: 'projector.linear_2', activation: undefined, norm: { name: 'projector.norm_2', epsilon: 1e-5 } },
    ]);
    expect([...checkpoint.tensors.keys()].slice(1)).toEqual(
      ['linear_1', 'norm_1', 'linear_2', 'norm_2'].map((part) => `projector.${part}.weight`),
    );
  });

  it('puts marks around the rows of an image where config.json says so', () => {
    const textWith = (change: object): string | undefined => {
      const tiles = { width: 336, height: 336, numTiles: 1, gridRows: 0, gridCols: 0 };
      return resolve({ ...LLAVA_15, ...change }).vision?.promptText(tiles, '<unk>', 2, 1);
    };
    expect(textWith({})).toBe('<unk><unk>');
    expect(textWith({ mm_use_im_start_end: true })).toBe('<im_start><unk><unk><im_end>');
  });

  it('names tensors as families do', () => {
    const names = [`${TOWER}pre_layrnorm.weight`, 'model.mm_projector.0.bias', 'model.mm_projector.2.weight'];
    expect([...resolve(LLAVA_16, [...names, 'model.image_newline']).checkpoint.tensors.keys()]).toEqual([
      ...['vision.pre_layrnorm.weight', 'projector.linear_1.bias', 'projector.linear_2.weight', 'newline'],
    ]);
  });

  it('says where the tower is when its weights are elsewhere', () => {
    expect(() => resolve(LLAVA_15, ['model.norm.weight'])).toThrowError(
      expect.objectContaining({
        code: 'unsupported_model',
        hint: expect.stringContaining('clip-vit-large-patch14-336'),
      }),
    );
  });

  it.each([
    ['a tower that nobody knows', { mm_vision_tower: 'somebody/eva' }],
    ['three linear layers', { mm_projector_type: 'mlp3x_gelu' }],
    ['a resampler', { mm_resampler_type: 'spatial_pool' }],
    ['a grid for another tower', { ...LLAVA_16, image_aspect_ratio: 'anyres_max_9' }],
    ['borders for another tower', { mm_vision_tower: 'google/siglip-so400m-patch14-384' }],
    ['a grid without a limit', { ...ONEVISION, image_aspect_ratio: 'anyres_max' }],
    ['tiles that follow one another', { ...LLAVA_16, mm_patch_merge_type: 'flat' }],
  ])('refuses %s', (_what, change) => {
    expect(() => resolve({ ...LLAVA_15, ...change })).toThrowError(
      expect.objectContaining({ code: 'unsupported_model' }),
    );
  });
});

describe('a tower in a folder', () => {
  const config = JSON.stringify({ ...LLAVA_15, mm_vision_tower: './towers/small' });
  const tower = { model_type: 'clip_vision_model', image_size: 28, patch_size: 14 };
  const weights = (...names: readonly string[]): Uint8Array<ArrayBuffer> =>
    writeSafetensors(
      Object.fromEntries(names.map((name) => [name, { dtype: 'F32', shape: [1], data: new Uint8Array(4) }])),
    );
  const open = (files: object) =>
    openModel(memorySource({ 'config.json': config, 'model.safetensors': weights('model.norm.weight'), ...files }));
  const described = {
    'towers/small/config.json': JSON.stringify(tower),
    'towers/small/preprocessor_config.json': '{"size":28}',
  };

  it('is as its config.json says, and so is what makes images ready', async () => {
    const checkpoint = await open(described);
    expect(checkpoint.config['vision_config']).toEqual(tower);
    expect(await checkpoint.readText('preprocessor_config.json')).toBe('{"size":28}');
    // Whoever copies the texts copies all that was found.
    const copied = await checkpoint.texts?.open('config.json');
    const text = new TextDecoder().decode(await copied?.read(0, copied.size));
    expect(JSON.parse(text)).toEqual(checkpoint.config);
  });

  it('may be one half of a model of pictures and texts', async () => {
    const whole = JSON.stringify({ model_type: 'clip', text_config: {}, vision_config: tower });
    const checkpoint = await open({ ...described, 'towers/small/config.json': whole });
    expect(checkpoint.config['vision_config']).toEqual(tower);
  });

  it('is not known without the folder', async () => {
    expect((await open({})).config['vision_config']).toBeUndefined();
  });

  it('lends its weights to a model that has none of a tower', async () => {
    const lent = weights('vision_model.pre_layrnorm.weight', 'text_model.x', 'logit_scale');
    const checkpoint = await open({ ...described, 'towers/small/model.safetensors': lent });
    expect([...checkpoint.tensors].map(([name, { file }]) => [name, file])).toEqual([
      ['model.norm.weight', 'model.safetensors'],
      [`${TOWER}pre_layrnorm.weight`, 'towers/small/model.safetensors'],
    ]);
    expect([...resolveModel(checkpoint).checkpoint.tensors.keys()]).toContain('vision.pre_layrnorm.weight');
    const own = weights(`${TOWER}pre_layrnorm.weight`);
    const trained = await open({
      ...{ ...described, 'model.safetensors': own },
      'towers/small/model.safetensors': lent,
    });
    expect(Array.from(trained.tensors.values(), ({ file }) => file)).toEqual(['model.safetensors']);
  });

  it('lends them, too, when its name says enough', async () => {
    const checkpoint = await openModel(
      memorySource({
        'config.json': JSON.stringify(LLAVA_15),
        'model.safetensors': weights('model.norm.weight'),
        'openai/clip-vit-large-patch14-336/model.safetensors': weights('vision_model.pre_layrnorm.weight'),
      }),
    );
    expect(checkpoint.tensors.has(`${TOWER}pre_layrnorm.weight`)).toBe(true);
    expect(checkpoint.config['vision_config']).toBeUndefined();
  });
});
