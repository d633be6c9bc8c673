// SmolLM3: Llama's graph, in which some layers have no rotary embedding.
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS } from './llama.js';
import { readQwenConfig } from './qwen2.js';

export const smollm3: Family = {
  modelType: 'smollm3',
  architectures: ['SmolLM3ForCausalLM'],
  names: LLAMA_NAMES,
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'HuggingFaceTB/SmolLM3-3B',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 11008, num_hidden_layers: 36, vocab_size: 128256 },
      ...{ num_attention_heads: 16, num_key_value_heads: 4 },
    },
  },
  readConfig(raw) {
    const config = readQwenConfig(raw);
    const interval = raw.count('no_rope_layer_interval', 4);
    // 1 where a layer turns, in spite of the name.
    const turns = raw.numbers('no_rope_layers', config.numLayers);
    const hasRope = (layer: number): boolean => (turns ? turns[layer] !== 0 : (layer + 1) % interval !== 0);
    return {
      ...config,
      layers: config.layers.map((each, layer) => ({ ...each, rope: hasRope(layer) ? 'global' : 'none' })),
      isTied: raw.flag('tie_word_embeddings', true),
    };
  },
};
