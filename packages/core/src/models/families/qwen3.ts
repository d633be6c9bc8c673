// Qwen3 (dense): Qwen2 without biases, with a norm of every head of q and k.
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, QUERY_KEY_NORMS } from './llama.js';
import { readQwenConfig } from './qwen2.js';

export const qwen3: Family = {
  modelType: 'qwen3',
  architectures: ['Qwen3ForCausalLM'],
  names: { ...LLAMA_NAMES, layer: { ...LLAMA_NAMES.layer, ...QUERY_KEY_NORMS } },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'Qwen/Qwen3-0.6B',
    config: {
      ...{ hidden_size: 1024, intermediate_size: 3072, num_hidden_layers: 28, vocab_size: 151936 },
      ...{ num_attention_heads: 16, num_key_value_heads: 8, head_dim: 128, tie_word_embeddings: true },
    },
  },
  readConfig: (raw) => ({ ...readQwenConfig(raw), queryKeyNorm: 'head' }),
};
