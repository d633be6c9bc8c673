// ChatGLM 2 and 3, and GLM-4 9B as their authors store them: Llama's graph under other names and keys, with q, k and v in
// one tensor with bias, gate and up in another, and neighbours turning together in the first half of a head.
import type { Family } from '../family.js';
import { RawConfig } from '../raw-config.js';
import { readLlamaConfig } from './llama.js';

export const chatglm: Family = {
  modelType: 'chatglm',
  architectures: ['ChatGLMModel', 'ChatGLMForConditionalGeneration'],
  names: {
    embedding: 'transformer.embedding.word_embeddings',
    layer: {
      attentionNorm: 'transformer.encoder.layers.{i}.input_layernorm',
      qkv: { fused: 'transformer.encoder.layers.{i}.self_attention.query_key_value' },
      output: 'transformer.encoder.layers.{i}.self_attention.dense',
      mlpNorm: 'transformer.encoder.layers.{i}.post_attention_layernorm',
      gate: 'transformer.encoder.layers.{i}.mlp.dense_h_to_4h',
      up: 'transformer.encoder.layers.{i}.mlp.dense_h_to_4h',
      down: 'transformer.encoder.layers.{i}.mlp.dense_4h_to_h',
    },
    finalNorm: 'transformer.encoder.final_layernorm',
    head: 'transformer.output_layer',
  },
  ignored: /\.rotary_pos_emb\.inv_freq$/,
  example: {
    model: 'THUDM/chatglm3-6b',
    config: {
      ...{ hidden_size: 4096, ffn_hidden_size: 13696, num_layers: 28, padded_vocab_size: 65024, seq_length: 8192 },
      ...{ num_attention_heads: 32, kv_channels: 128, multi_query_attention: true, multi_query_group_num: 2 },
      add_qkv_bias: true,
    },
  },
  readConfig(raw) {
    raw.only('position_encoding_2d', false); // the first ChatGLM
    raw.only('apply_residual_connection_post_layernorm', false);
    raw.only('post_layer_norm', true);
    raw.only('rmsnorm', true);
    const hasBias = raw.flag('add_bias_linear', false);
    const renamed = new RawConfig({
      architectures: raw.get('architectures'),
      model_type: raw.get('model_type'),
      hidden_size: raw.get('hidden_size'),
      intermediate_size: raw.get('ffn_hidden_size'),
      num_hidden_layers: raw.get('num_layers'),
      num_attention_heads: raw.get('num_attention_heads'),
      num_key_value_heads: raw.flag('multi_query_attention', false) ? raw.get('multi_query_group_num') : undefined,
      head_dim: raw.get('kv_channels'),
      partial_rotary_factor: 0.5,
      vocab_size: raw.get('padded_vocab_size'),
      rms_norm_eps: raw.get('layernorm_epsilon') ?? 1e-5,
      rope_theta: 10000 * raw.positive('rope_ratio', 1),
      max_position_embeddings: raw.get('seq_length'),
      tie_word_embeddings: raw.get('tie_word_embeddings'),
      bos_token_id: raw.get('bos_token_id'),
      eos_token_id: raw.get('eos_token_id'),
    });
    const config = readLlamaConfig(renamed);
    return {
      ...config,
      rope: { ...config.rope, isInterleaved: true },
      hasQkvBias: hasBias || raw.flag('add_qkv_bias', false),
      hasOutputBias: hasBias,
      hasMlpBias: hasBias,
    };
  },
};
