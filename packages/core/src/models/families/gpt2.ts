// GPT-2: learned positions, LayerNorms, an MLP without gate, biases everywhere, and linears stored the other way round.
import { type DecoderConfig, readGateActivation } from '../decoder-config.js';
import type { Family } from '../family.js';
import { RawConfig } from '../raw-config.js';
import { readLlamaConfig } from './llama.js';

export const gpt2: Family = {
  modelType: 'gpt2',
  architectures: ['GPT2LMHeadModel', 'GPT2Model'],
  names: {
    embedding: 'wte',
    positions: 'wpe',
    layer: {
      attentionNorm: 'h.{i}.ln_1',
      qkv: { fused: 'h.{i}.attn.c_attn' },
      output: 'h.{i}.attn.c_proj',
      mlpNorm: 'h.{i}.ln_2',
      up: 'h.{i}.mlp.c_fc',
      down: 'h.{i}.mlp.c_proj',
      isTransposed: true,
    },
    finalNorm: 'ln_f',
    head: 'lm_head',
  },
  renames: [[/^transformer\./, '']],
  ignored: /\.attn\.(masked_)?bias$/, // the causal mask
  example: {
    model: 'openai-community/gpt2',
    config: {
      ...{ n_embd: 768, n_layer: 12, n_head: 12, n_positions: 1024, vocab_size: 50257 },
    },
  },
  readConfig(raw): DecoderConfig {
    raw.only('scale_attn_by_inverse_layer_idx', false);
    raw.only('add_cross_attention', false);
    const hiddenSize = raw.count('n_embd');
    const renamed = new RawConfig({
      architectures: raw.get('architectures'),
      model_type: raw.get('model_type'),
      hidden_size: hiddenSize,
      intermediate_size: raw.get('n_inner') ?? 4 * hiddenSize,
      num_hidden_layers: raw.get('n_layer'),
      num_attention_heads: raw.get('n_head'),
      vocab_size: raw.get('vocab_size'),
      max_position_embeddings: raw.get('n_positions') ?? 1024,
      bos_token_id: raw.get('bos_token_id'),
      eos_token_id: raw.get('eos_token_id'),
    });
    const config = readLlamaConfig(renamed);
    return {
      ...config,
      activation: readGateActivation(raw.text('activation_function', 'gelu_new')),
      mlpType: 'default',
      normType: 'layer_norm',
      hasNormBias: true,
      normEpsilon: raw.positive('layer_norm_epsilon', 1e-5),
      hasLearnedPositions: true,
      layers: config.layers.map((layer) => ({ ...layer, rope: 'none' })),
      attentionScale: raw.flag('scale_attn_weights', true) ? config.attentionScale : 1,
      hasQkvBias: true,
      hasOutputBias: true,
      hasMlpBias: true,
      isTied: raw.flag('tie_word_embeddings', true),
    };
  },
};
