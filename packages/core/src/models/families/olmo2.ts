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
  readConfig: (raw) => ({ ...readLlamaConfig(raw), norms: 'behind', queryKeyNorm: 'width' }),
};
