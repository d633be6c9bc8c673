// What a vision-language checkpoint is resolved to: names of several generations, and configs that leave most out.
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../load/checkpoint.js';
import type { TensorEntry } from '../load/tensor-entry.js';
import { resolveModel } from './model.js';

function checkpoint(config: Readonly<Record<string, unknown>>, tensors: readonly string[]): Checkpoint {
  return {
    name: 'test',
    config,
    generationConfig: undefined,
    tensors: new Map(tensors.map((name) => [name, { file: name } as TensorEntry])),
    readBytes: async () => undefined,
    readText: async () => undefined,
  };
}

/** As llava-hf/llava-1.5-7b-hf has it: the sizes of the decoder are those of the config class. */
const LLAVA_15 = {
  architectures: ['LlavaForConditionalGeneration'],
  model_type: 'llava',
  image_token_index: 32000,
  text_config: {
    architectures: ['LlamaForCausalLM'],
    max_position_embeddings: 4096,
    model_type: 'llama',
    vocab_size: 32064,
  },
  vision_config: {
    hidden_size: 1024,
    image_size: 336,
    intermediate_size: 4096,
    model_type: 'clip_vision_model',
    num_attention_heads: 16,
    num_hidden_layers: 24,
    patch_size: 14,
  },
};

describe('resolveModel', () => {
  it('fills a decoder that config.json hardly mentions', () => {
    const { decoder, vision, family } = resolveModel(checkpoint(LLAVA_15, ['language_model.lm_head.weight']));
    expect(family).toBe('llava');
    expect(decoder).toMatchObject({
      hiddenSize: 4096,
      intermediateSize: 11008,
      numLayers: 32,
      vocabSize: 32064,
      isTied: false,
    });
    expect(vision).toMatchObject({ imageTokenId: 32000, maxRows: 576, tower: { numLayers: 23, headDim: 64 } });
  });

  it.each([
    ['language_model.model.norm.weight', 'model.norm.weight'],
    ['model.language_model.norm.weight', 'model.norm.weight'],
    ['language_model.lm_head.weight', 'lm_head.weight'],
    ['vision_tower.vision_model.pre_layrnorm.weight', 'vision.pre_layrnorm.weight'],
    ['model.vision_tower.vision_model.pre_layrnorm.weight', 'vision.pre_layrnorm.weight'],
    ['model.vision_tower.pre_layrnorm.weight', 'vision.pre_layrnorm.weight'],
    ['multi_modal_projector.linear_1.bias', 'projector.linear_1.bias'],
    ['model.multi_modal_projector.linear_1.bias', 'projector.linear_1.bias'],
    ['model.image_newline', 'newline'],
  ])('%s is %s', (old, renamed) => {
    expect([...resolveModel(checkpoint(LLAVA_15, [old])).checkpoint.tensors.keys()]).toEqual([renamed]);
  });

  it('ties a decoder whose head is not stored', () => {
    expect(resolveModel(checkpoint(LLAVA_15, [])).decoder.isTied).toBe(true);
  });

  it.each([
    ['head', false],
    ['norm', true],
  ])('ties a packed decoder unless its head is packed: %s', (name, isTied) => {
    const weights = new Map([[name, { kind: 'vector' as const, length: 1 }]]);
    const packed = { ...checkpoint(LLAVA_15, [`${name}/vector`]), packed: { dtype: undefined, weights, files: [] } };
    const { decoder, checkpoint: resolved } = resolveModel(packed);
    expect(decoder.isTied).toBe(isTied);
    expect([...resolved.tensors.keys()]).toEqual([`${name}/vector`]);
  });

  it('ignores layers behind the used one, but nothing unknown', () => {
    const { isIgnored } = resolveModel(checkpoint(LLAVA_15, []));
    expect(isIgnored('vision.encoder.layers.23.mlp.fc1.weight')).toBe(true);
    expect(isIgnored('vision.post_layernorm.weight')).toBe(true);
    expect(isIgnored('projector.linear_3.weight')).toBe(false);
  });

  it('takes a QWen for one that sees by its tower alone', () => {
    const config = {
      ...{ architectures: ['QWenLMHeadModel'], model_type: 'qwen', vocab_size: 200, num_hidden_layers: 1 },
      ...{ hidden_size: 128, intermediate_size: 64, num_attention_heads: 1, kv_channels: 128 },
    };
    expect(resolveModel(checkpoint(config, ['lm_head.weight'])).vision).toBeUndefined();
    const visual = {
      ...{ image_size: 56, patch_size: 14, width: 36, layers: 1, heads: 3, mlp_ratio: 2 },
      ...{ output_dim: 128, image_start_id: 150 },
    };
    const { family, decoder, vision, specs } = resolveModel(checkpoint({ ...config, visual }, ['lm_head.weight']));
    expect([family, decoder.family, decoder.isTied, vision?.maxRows]).toEqual(['qwen_vl', 'qwen', false, 256]);
    // Heads of 12 rows, each with its query, key and value.
    const pieces = specs.find(({ name }) => name === 'vision.layers.0.qkv')?.pieces;
    expect(pieces?.map(({ firstRow, numRows, dst, block, stride }) => [firstRow, numRows, dst, block, stride])).toEqual(
      [
        [0, 36, 0, 12, 36],
        [36, 36, 12, 12, 36],
        [72, 36, 24, 12, 36],
      ],
    );
  });

  it('reads a SmolVLM, whose text_config names an architecture that exists nowhere', () => {
    const config = {
      architectures: ['SmolVLMForConditionalGeneration'],
      image_token_id: 49190,
      scale_factor: 4,
      text_config: {
        architectures: ['VLlama3ForCausalLM'],
        model_type: 'llama',
        hidden_size: 576,
        intermediate_size: 1536,
        num_attention_heads: 9,
        num_key_value_heads: 3,
        num_hidden_layers: 30,
        vocab_size: 49280,
      },
      vision_config: {
        model_type: 'smolvlm_vision',
        hidden_size: 768,
        num_attention_heads: 12,
        image_size: 512,
        patch_size: 16,
      },
    };
    const { vision, decoder } = resolveModel(checkpoint(config, []));
    expect(vision).toMatchObject({
      maxRows: 17 * 64,
      tower: { numLayers: 12, intermediateSize: 3072, hasPostNorm: true },
    });
    expect(decoder.numKvHeads).toBe(3);
  });
});
