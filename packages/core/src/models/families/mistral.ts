// Mistral: Llama's graph, with a sliding window on all layers if the config has one (7B v0.1).
import { readLayers } from '../decoder-config.js';
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

export const mistral: Family = {
  modelType: 'mistral',
  architectures: ['MistralForCausalLM'],
  names: LLAMA_NAMES,
  ignored: OLD_ROPE_BUFFERS,
  defaults: {
    vocab_size: 32000,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 131072,
    sliding_window: 4096,
  },
  example: {
    model: 'mistralai/Mistral-7B-Instruct-v0.3',
    config: {
      ...{ hidden_size: 4096, intermediate_size: 14336, num_hidden_layers: 32, vocab_size: 32768 },
      ...{ num_attention_heads: 32, num_key_value_heads: 8 },
    },
  },
  readConfig(raw) {
    const config = readLlamaConfig(raw);
    return { ...config, layers: readLayers(raw, config.numLayers, { isSliding: () => true }) };
  },
};
