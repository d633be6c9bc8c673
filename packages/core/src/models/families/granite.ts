// Granite 3 (dense): Llama's graph with factors on embeddings, attention, logits, and on what is added to the residual.
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

export const granite: Family = {
  modelType: 'granite',
  architectures: ['GraniteForCausalLM'],
  names: LLAMA_NAMES,
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'ibm-granite/granite-3.1-2b-instruct',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 40, vocab_size: 49155 },
      ...{ num_attention_heads: 32, num_key_value_heads: 8 },
    },
  },
  readConfig(raw) {
    const config = readLlamaConfig(raw);
    const residual = raw.positive('residual_multiplier', 1);
    return {
      ...config,
      attentionScale: raw.positive('attention_multiplier', 1),
      // The residual stream is kept divided by its factor. All that reads it is a norm, which only needs another epsilon.
      embeddingScale: raw.positive('embedding_multiplier', 1) / residual,
      normEpsilon: config.normEpsilon / residual ** 2,
      logitScale: 1 / raw.positive('logits_scaling', 1),
      isTied: raw.flag('tie_word_embeddings', true),
    };
  },
};
