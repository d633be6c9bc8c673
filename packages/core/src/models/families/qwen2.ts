// Qwen1.5, Qwen2 and Qwen2.5 (dense): Llama's graph with biases on q, k and v.
import { type DecoderConfig, readLayers } from '../decoder-config.js';
import type { Family } from '../family.js';
import type { RawConfig } from '../raw-config.js';
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
  example: {
    model: 'Qwen/Qwen2.5-0.5B-Instruct',
    config: {
      ...{ hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24, vocab_size: 151936 },
      ...{ num_attention_heads: 14, num_key_value_heads: 2, tie_word_embeddings: true },
    },
  },
  readConfig: (raw) => ({ ...readQwenConfig(raw), hasQkvBias: true, hasOutputBias: false }),
};

/** `use_sliding_window` gives the layers from `max_window_layers` on a window; the published models have it off. */
export function readQwenConfig(raw: RawConfig): DecoderConfig {
  const config = readLlamaConfig(raw);
  if (!raw.flag('use_sliding_window', false)) return config;
  const firstSliding = raw.optionalCount('max_window_layers') ?? 0;
  const layers = readLayers(raw, config.numLayers, { isSliding: (layer) => layer >= firstSliding });
  return { ...config, layers };
}
