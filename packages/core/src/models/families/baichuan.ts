// Baichuan and Baichuan 2: Llama's graph with q, k and v in one tensor. The 13B models have ALiBi, which no key says: their
// config class has no `max_position_embeddings`. The second generation norms the rows of the head.
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

export const baichuan: Family = {
  modelType: 'baichuan',
  architectures: ['BaiChuanForCausalLM', 'BaichuanForCausalLM'],
  names: { ...LLAMA_NAMES, layer: { ...LLAMA_NAMES.layer, qkv: { fused: 'model.layers.{i}.self_attn.W_pack' } } },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'baichuan-inc/Baichuan2-7B-Chat',
    config: {
      ...{ hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, vocab_size: 125696 },
      ...{ num_attention_heads: 32, max_position_embeddings: 4096 },
    },
  },
  readConfig(raw) {
    // Of the second generation: its vocabulary, and a key that tiny ones have too.
    const hasNormHead = raw.get('vocab_size') === 125696 || raw.get('z_loss_weight') !== undefined;
    const config = { ...readLlamaConfig(raw), hasNormHead };
    if (raw.get('max_position_embeddings') !== undefined) return config;
    return {
      ...config,
      maxPositions: raw.count('model_max_length', 4096, 2 ** 31),
      layers: config.layers.map((layer) => ({ ...layer, rope: 'none' })),
      alibi: 1,
    };
  },
};
