// DeepSeek-VL in its authors' layout: keys and names of published checkpoints, how pixels are made, and what cannot run.
import { describe, expect, it } from 'vitest';
import { createImageProcessor } from '../../../image/processor.js';
import type { Checkpoint } from '../../../load/checkpoint.js';
import type { TensorEntry } from '../../../load/tensor-entry.js';
import { resolveModel } from '../../model.js';

const SIGLIP = { image_size: 384, model_name: 'siglip_large_patch16_384', select_feature: 'same', select_layer: -1 };
const LANGUAGE = { model_type: 'llama', max_position_embeddings: 16384, vocab_size: 102400 };

/** As deepseek-ai/deepseek-vl-1.3b-chat has it. */
const SMALL = {
  ...{ architectures: ['MultiModalityCausalLM'], model_type: 'multi_modality' },
  language_config: {
    ...{ ...LANGUAGE, hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 24 },
    ...{ num_attention_heads: 16, num_key_value_heads: 16 },
  },
  vision_config: { cls: 'CLIPVisionTower', model_type: 'vision', params: SIGLIP },
  aligner_config: {
    ...{ cls: 'MlpProjector', model_type: 'aligner' },
    params: { depth: 2, input_dim: 1024, n_embed: 2048, projector_type: 'mlp_gelu' },
  },
};

const [SAM_MEAN, SAM_STD] = [
  [0.48145466, 0.4578275, 0.40821073],
  [0.26862954, 0.26130258, 0.27577711],
];
const HALVES = [0.5, 0.5, 0.5];
const LOW = { ...SIGLIP, ckpt_path: '', output_dim: 1024, pixel_mean: HALVES, pixel_std: HALVES };
const HIGH = {
  ...{ ckpt_path: '', image_size: 1024, model_name: 'sam_b_downsample', output_dim: 1024, pixel_mean: SAM_MEAN },
  ...{ pixel_std: SAM_STD, select_feature: 'same', select_layer: -1 },
};
const TOWERS = { concat_type: 'tuple', freeze_high: true, freeze_low: true, high_res_cfg: HIGH, low_res_cfg: LOW };

/** As deepseek-ai/deepseek-vl-7b-chat has it. */
const LARGE = {
  ...SMALL,
  language_config: {
    ...{ ...LANGUAGE, hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 30 },
    ...{ num_attention_heads: 32, num_key_value_heads: 32 },
  },
  vision_config: { cls: 'HybridVisionTower', model_type: 'vision', params: TOWERS },
  aligner_config: {
    ...{ cls: 'MlpProjector', model_type: 'aligner' },
    params: { depth: 2, input_dim: 1024, n_embed: 4096, projector_type: 'low_high_hybrid_split_mlp_gelu' },
  },
};

const FILE = { image_processor_type: 'VLMImageProcessor', min_size: 14, rescale_factor: 1 / 255 };

const noFile = async (): Promise<undefined> => undefined;

function resolve(config: object, tensors: readonly string[] = []) {
  return resolveModel({
    ...{ name: 'test', config: { ...config }, generationConfig: undefined, readBytes: noFile, readText: noFile },
    tensors: new Map(
      [...tensors, 'language_model.lm_head.weight'].map((name) => [name, { file: name } as TensorEntry]),
    ),
  } satisfies Checkpoint);
}

describe('deepseek-vl in its original layout', () => {
  it('has the tower of a name, and Llama', () => {
    const { family, decoder, vision } = resolve(SMALL);
    expect([family, decoder.family, decoder.hiddenSize, decoder.isTied]).toEqual([
      'multi_modality',
      'llama',
      2048,
      false,
    ]);
    expect(vision?.tower).toMatchObject({
      ...{ hiddenSize: 1024, intermediateSize: 4096, numLayers: 24, numHeads: 16, imageSize: 384, patchSize: 16 },
      ...{ activation: 'gelu', normEpsilon: 1e-6, hasPostNorm: true, hasFusedQkv: true },
    });
    expect(vision).toMatchObject({ imageTokenId: { text: '<image_placeholder>' }, maxRows: 576 });
    expect(vision?.highRes).toBeUndefined();
  });

  it('has SAM beside it', () => {
    const { vision } = resolve(LARGE);
    expect(vision?.highRes?.sam).toMatchObject({
      tower: { hiddenSize: 768, numLayers: 12, imageSize: 1024, windows: { side: 14, fullLayers: [2, 5, 8, 11] } },
      ...{ numChannels: 256, earlyLayer: 2, outputSide: 24 },
    });
    expect(vision).toMatchObject({ maxRows: 576, projector: [{ numInputs: 1024, numOutputs: 2048 }, {}] });
  });

  it('makes the one square as its file says', () => {
    const made = resolve(SMALL).vision?.processor?.({
      ...FILE,
      image_size: 384,
      image_mean: HALVES,
      image_std: HALVES,
    });
    expect(made).toMatchObject({ size: 384, image_mean: HALVES, image_std: HALVES });
    expect(made?.['high_res_size']).toBeUndefined();
    expect(() => createImageProcessor(made ?? {})).not.toThrow();
  });

  it('makes two squares as the towers say, which normalise pixels themselves', () => {
    const file = { ...FILE, image_size: 1024, image_mean: SAM_MEAN, image_std: SAM_STD, do_normalize: false };
    const process = resolve(LARGE).vision?.processor;
    const made = process?.(file);
    expect(made).toMatchObject({
      ...{ size: 384, resample: 2, image_mean: HALVES, image_std: HALVES, do_normalize: true },
      ...{ high_res_size: 1024, high_res_image_mean: SAM_MEAN, high_res_image_std: SAM_STD },
    });
    expect(() => createImageProcessor(made ?? {})).not.toThrow();
    expect(() => process?.({ ...file, do_normalize: true })).toThrow(/normalises pixels, too/);
    expect(() => process?.({ do_normalize: false })).toThrow(expect.objectContaining({ code: 'invalid_config' }));
  });

  it('names tensors as families do', () => {
    const low = 'vision_model.vision_tower_low.vision_tower.';
    const high = 'vision_model.vision_tower_high.vision_tower.';
    const names = {
      'vision_model.vision_tower.blocks.3.attn.qkv.bias': 'vision.encoder.layers.3.self_attn.qkv.bias',
      [`${low}pos_embed`]: 'vision.embeddings.position_embedding.weight',
      [`${low}blocks.3.mlp.fc2.weight`]: 'vision.encoder.layers.3.mlp.fc2.weight',
      [`${low}norm.weight`]: 'vision.post_layernorm.weight',
      [`${high}blocks.3.attn.rel_pos_h`]: 'high_res.encoder.layers.3.self_attn.rel_pos_h',
      [`${high}blocks.3.mlp.lin1.bias`]: 'high_res.encoder.layers.3.mlp.fc1.bias',
      [`${high}neck.3.weight`]: 'high_res.neck.layer_norm2.weight',
      [`${high}neck_hd.2.weight`]: 'high_res.early_neck.conv2.weight',
      [`${high}hd_alpha_downsamples`]: 'high_res.alpha',
      'language_model.model.norm.weight': 'model.norm.weight',
    };
    const renamed = [...resolve(LARGE, Object.keys(names)).checkpoint.tensors.keys()];
    expect(renamed).toEqual([...Object.values(names), 'lm_head.weight']);
  });

  it('has tensors that nobody uses', () => {
    const unused = [`vision_model.vision_tower.attn_pool.latent`, 'vision_model.high_layer_norm.weight'];
    const { checkpoint, isIgnored } = resolve(LARGE, unused);
    expect([...checkpoint.tensors.keys()].filter(isIgnored)).toEqual(['vision.head.latent', unused[1]]);
  });

  const small = (params: object) => ({ ...SMALL, vision_config: { ...SMALL.vision_config, params } });
  const large = (params: object) => ({
    ...LARGE,
    vision_config: { ...LARGE.vision_config, params: { ...TOWERS, ...params } },
  });
  const aligned = (params: object) => ({
    ...SMALL,
    aligner_config: { params: { ...SMALL.aligner_config.params, ...params } },
  });
  it.each([
    ['Janus', { ...SMALL, gen_vision_config: { cls: 'VQ-16' } }],
    ['a tower without a known name', small({ ...SIGLIP, model_name: 'siglip_so400m_patch14_384' })],
    ['a tower that ends early', small({ ...SIGLIP, select_layer: -2 })],
    ['a tower that does not say where it ends', small({ ...SIGLIP, select_layer: undefined })],
    ['one tower that normalises', small(LOW)],
    ['SAM for masks', large({ high_res_cfg: { ...HIGH, model_name: 'sam_vit_b' } })],
    ['rows one behind the other', large({ concat_type: 'sequence' })],
    ['another projector', aligned({ projector_type: 'downsample_mlp_gelu' })],
    ['the projector of two towers behind one', aligned({ projector_type: 'low_high_hybrid_split_mlp_gelu' })],
    ['a deeper projector', aligned({ depth: 3 })],
  ])('refuses %s', (_what, config) => {
    expect(() => resolve(config)).toThrow(expect.objectContaining({ code: 'unsupported_model' }));
  });

  it('refuses towers whose pixels are in no range', () => {
    const file = { ...FILE, image_size: 1024, do_normalize: false };
    const { vision } = resolve(large({ low_res_cfg: { ...LOW, pixel_std: undefined } }));
    expect(() => vision?.processor?.(file)).toThrow(expect.objectContaining({ code: 'unsupported_model' }));
  });
});
