// Falcon: LayerNorms, an MLP without gate, and q, k and v in one tensor, grouped per key head. 7B, 40B, 180B and 11B have
// attention and MLP in parallel, RW one after the other and ALiBi in place of a rotary embedding. Old files name keys
// otherwise, and 40B's `new_decoder_architecture` by its class alone.
import { type DecoderConfig, readGateActivation } from '../decoder-config.js';
import type { Family } from '../family.js';
import { RawConfig } from '../raw-config.js';
import { readLlamaConfig } from './llama.js';

export const falcon: Family = {
  modelType: 'falcon',
  architectures: ['FalconForCausalLM', 'RWForCausalLM'],
  names: {
    embedding: 'transformer.word_embeddings',
    layer: {
      attentionNorm: 'transformer.h.{i}.input_layernorm',
      qkv: { grouped: 'transformer.h.{i}.self_attention.query_key_value' },
      output: 'transformer.h.{i}.self_attention.dense',
      mlpNorm: 'transformer.h.{i}.post_attention_layernorm',
      up: 'transformer.h.{i}.mlp.dense_h_to_4h',
      down: 'transformer.h.{i}.mlp.dense_4h_to_h',
    },
    finalNorm: 'transformer.ln_f',
    head: 'lm_head',
  },
  // 40B and 180B, whose layers have both.
  renames: [
    [/\.ln_attn\./, '.input_layernorm.'],
    [/\.ln_mlp\./, '.post_attention_layernorm.'],
  ],
  ignored: /\.rotary(_emb)?\.inv_freq$|\.self_attention\.maybe_rotary\.inv_freq$/,
  example: {
    model: 'tiiuae/falcon-7b-instruct',
    config: { hidden_size: 4544, num_hidden_layers: 32, num_attention_heads: 71, vocab_size: 65024 },
  },
  readConfig(raw): DecoderConfig {
    raw.only('apply_residual_connection_post_layernorm', false);
    const hiddenSize = raw.count('hidden_size');
    const isNew = raw.flag('new_decoder_architecture', raw.get('n_head_kv') !== undefined);
    const isGrouped = isNew || !raw.flag('multi_query', true);
    const isParallel = isNew || raw.flag('parallel_attn', true);
    const hasTwoNorms = isNew ? raw.count('num_ln_in_parallel_attn', 2, 2) === 2 : !isParallel;
    const hasAlibi = raw.flag('alibi', false);
    const hasBias = raw.flag('bias', false);
    const renamed = new RawConfig({
      architectures: raw.get('architectures'),
      model_type: 'falcon',
      hidden_size: hiddenSize,
      intermediate_size: raw.get('ffn_hidden_size') ?? 4 * hiddenSize,
      num_hidden_layers: raw.get('num_hidden_layers') ?? raw.get('n_layer'),
      num_attention_heads: raw.get('num_attention_heads') ?? raw.get('n_head'),
      num_key_value_heads: isGrouped ? (raw.get('num_kv_heads') ?? raw.get('n_head_kv')) : 1,
      vocab_size: raw.get('vocab_size'),
      max_position_embeddings: raw.get('max_position_embeddings'),
      rope_theta: raw.get('rope_theta'),
      rope_scaling: raw.get('rope_scaling'),
      rope_parameters: raw.get('rope_parameters'),
      tie_word_embeddings: raw.get('tie_word_embeddings') ?? true,
      bos_token_id: raw.get('bos_token_id'),
      eos_token_id: raw.get('eos_token_id'),
    });
    const config = readLlamaConfig(renamed);
    return {
      ...config,
      activation: readGateActivation(raw.text('activation', 'gelu')),
      mlpType: 'default',
      normType: 'layer_norm',
      hasNormBias: true,
      normEpsilon: raw.positive('layer_norm_epsilon', 1e-5),
      norms: hasTwoNorms ? 'before' : 'shared',
      hasParallelAttention: isParallel,
      layers: config.layers.map((layer) => ({ ...layer, rope: hasAlibi ? 'none' : 'global' })),
      // Added before the scores are scaled, and once more with the mask (decision 028).
      alibi: hasAlibi ? 2 * config.attentionScale : undefined,
      hasQkvBias: hasBias,
      hasOutputBias: hasBias,
      hasMlpBias: hasBias,
    };
  },
};
