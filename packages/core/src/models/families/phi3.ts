// Phi-3, Phi-3.5 and Phi-4-mini: Llama's graph with q, k and v in one tensor, gate and up in another, a sliding window on
// all layers if the config has one, and longrope or a partial rotary embedding in the later models.
import { readLayers } from '../decoder-config.js';
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

export const phi3: Family = {
  modelType: 'phi3',
  architectures: ['Phi3ForCausalLM'],
  names: {
    ...LLAMA_NAMES,
    layer: {
      ...LLAMA_NAMES.layer,
      qkv: { fused: 'model.layers.{i}.self_attn.qkv_proj' },
      gate: 'model.layers.{i}.mlp.gate_up_proj',
      up: 'model.layers.{i}.mlp.gate_up_proj',
    },
  },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'microsoft/Phi-3-mini-4k-instruct',
    config: {
      ...{ hidden_size: 3072, intermediate_size: 8192, num_hidden_layers: 32, vocab_size: 32064 },
      ...{ num_attention_heads: 32, num_key_value_heads: 32, sliding_window: 2047 },
    },
  },
  readConfig(raw) {
    const config = readLlamaConfig(raw);
    return { ...config, layers: readLayers(raw, config.numLayers, { isSliding: () => true }) };
  },
};
