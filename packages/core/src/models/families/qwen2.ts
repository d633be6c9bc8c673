// Qwen1.5, Qwen2 and Qwen2.5 (dense): Llama's graph with biases on q, k and v.
import { PagemindError } from '../../errors.js';
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

export const qwen2: Family = {
  modelType: 'qwen2',
  architectures: ['Qwen2ForCausalLM'],
  names: LLAMA_NAMES,
  ignored: OLD_ROPE_BUFFERS,
  defaults: {
    vocab_size: 151936,
    hidden_size: 4096,
    intermediate_size: 22016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    max_position_embeddings: 32768,
  },
  readConfig(raw) {
    if (raw.flag('use_sliding_window', false)) {
      throw new PagemindError('unsupported_model', 'Sliding-window attention is switched on in config.json.', {
        hint: 'Use a checkpoint with use_sliding_window false; the published Qwen2 models have it off.',
      });
    }
    return { ...readLlamaConfig(raw), hasQkvBias: true, hasOutputBias: false };
  },
};
