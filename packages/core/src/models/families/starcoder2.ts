// StarCoder 2: Llama's attention with biases and a sliding window, between LayerNorms; an MLP without gate.
import { readGateActivation, readLayers } from '../decoder-config.js';
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

export const starcoder2: Family = {
  modelType: 'starcoder2',
  architectures: ['Starcoder2ForCausalLM'],
  names: {
    ...LLAMA_NAMES,
    layer: {
      ...LLAMA_NAMES.layer,
      up: 'model.layers.{i}.mlp.c_fc',
      down: 'model.layers.{i}.mlp.c_proj',
    },
  },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'bigcode/starcoder2-3b',
    config: {
      ...{ hidden_size: 3072, intermediate_size: 12288, num_hidden_layers: 30, vocab_size: 49152 },
      ...{ num_attention_heads: 24, num_key_value_heads: 2 },
    },
  },
  readConfig(raw) {
    const config = readLlamaConfig(raw);
    const hasBias = raw.flag('use_bias', true);
    return {
      ...config,
      activation: readGateActivation(raw.text('hidden_act', 'gelu_pytorch_tanh')),
      mlpType: 'default',
      normType: 'layer_norm',
      hasNormBias: true,
      normEpsilon: raw.positive('norm_epsilon', 1e-5),
      layers: readLayers(raw, config.numLayers, { isSliding: () => true }),
      hasQkvBias: hasBias,
      hasOutputBias: hasBias,
      hasMlpBias: hasBias,
      isTied: raw.flag('tie_word_embeddings', true),
    };
  },
};
