// QWen 1: Llama's graph under other names and keys, with q, k and v in one tensor with bias. Past the trained length the
// rotary base grows (dynamic NTK) and so do queries (logn).
import { readGateActivation } from '../decoder-config.js';
import type { Family } from '../family.js';
import { RawConfig } from '../raw-config.js';
import { readLlamaConfig } from './llama.js';

export const qwen: Family = {
  modelType: 'qwen',
  architectures: ['QWenLMHeadModel'],
  names: {
    embedding: 'transformer.wte',
    layer: {
      attentionNorm: 'transformer.h.{i}.ln_1',
      qkv: { fused: 'transformer.h.{i}.attn.c_attn' },
      output: 'transformer.h.{i}.attn.c_proj',
      mlpNorm: 'transformer.h.{i}.ln_2',
      gate: 'transformer.h.{i}.mlp.w2',
      up: 'transformer.h.{i}.mlp.w1',
      down: 'transformer.h.{i}.mlp.c_proj',
    },
    finalNorm: 'transformer.ln_f',
    head: 'lm_head',
  },
  ignored: /\.rotary_emb\.inv_freq$|\.attn\.(masked_bias|bias)$|\.logn_tensor$/,
  example: {
    model: 'Qwen/Qwen-1_8B-Chat',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 11008, num_hidden_layers: 24, vocab_size: 151936 },
      ...{ num_attention_heads: 16, kv_channels: 128 },
    },
  },
  readConfig(raw) {
    const trainedLength = raw.count('seq_length', 2048, 2 ** 31);
    const renamed = new RawConfig({
      architectures: raw.get('architectures'),
      model_type: raw.get('model_type'),
      hidden_size: raw.get('hidden_size'),
      // Of both halves of the MLP together.
      intermediate_size: Math.floor(raw.count('intermediate_size') / 2),
      num_hidden_layers: raw.get('num_hidden_layers'),
      num_attention_heads: raw.get('num_attention_heads'),
      head_dim: raw.get('kv_channels'),
      partial_rotary_factor: raw.get('rotary_pct'),
      vocab_size: raw.get('vocab_size'),
      rms_norm_eps: raw.get('layer_norm_epsilon'),
      rope_theta: raw.get('rotary_emb_base'),
      max_position_embeddings: raw.get('max_position_embeddings') ?? 32768,
      tie_word_embeddings: raw.get('tie_word_embeddings'),
      bos_token_id: raw.get('bos_token_id'),
      eos_token_id: raw.get('eos_token_id'),
    });
    const config = readLlamaConfig(renamed);
    const { rope } = config;
    return {
      ...config,
      activation: readGateActivation('silu'),
      rope: raw.flag('use_dynamic_ntk', true)
        ? { ...rope, scaling: { type: 'ntk_alpha', originalMaxPositions: trainedLength } }
        : rope,
      lognLength: raw.flag('use_logn_attn', true) ? trainedLength : undefined,
      hasQkvBias: true,
    };
  },
};
