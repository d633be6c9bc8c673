// OLMo 2: norms behind attention and MLP instead of before, and norms of q and k over all their heads.
import type { Family } from '../family.js';
import { LLAMA_NAMES, LLAMA_PROJECTIONS, OLD_ROPE_BUFFERS, QUERY_KEY_NORMS, readLlamaConfig } from './llama.js';

export const olmo2: Family = {
  modelType: 'olmo2',
  architectures: ['Olmo2ForCausalLM'],
  names: {
    ...LLAMA_NAMES,
    layer: {
      ...LLAMA_PROJECTIONS,
      ...QUERY_KEY_NORMS,
      attentionPostNorm: 'model.layers.{i}.post_attention_layernorm',
      mlpPostNorm: 'model.layers.{i}.post_feedforward_layernorm',
    },
  },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'allenai/OLMo-2-0425-1B-Instruct',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 16, vocab_size: 100352 },
      ...{ num_attention_heads: 16, num_key_value_heads: 16 },
    },
  },
  readConfig: (raw) => ({ ...readLlamaConfig(raw), norms: 'behind', queryKeyNorm: 'width' }),
};
