// Mixtral: Mistral's graph, with experts in every layer.
import { withExperts } from '../decoder-config.js';
import { type Family, stackedTensors } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS } from './llama.js';
import { mistral } from './mistral.js';

const MOE = 'model.layers.{i}.block_sparse_moe';

export const mixtral: Family = {
  modelType: 'mixtral',
  architectures: ['MixtralForCausalLM'],
  names: {
    ...LLAMA_NAMES,
    layer: {
      ...LLAMA_NAMES.layer,
      experts: {
        router: `${MOE}.gate`,
        gate: `${MOE}.experts.{e}.w1`,
        up: `${MOE}.experts.{e}.w3`,
        down: `${MOE}.experts.{e}.w2`,
        stacked: stackedTensors(MOE),
      },
    },
  },
  renames: [[/^(model\.layers\.\d+)\.mlp\./, '$1.block_sparse_moe.']],
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'mistralai/Mixtral-8x7B-Instruct-v0.1',
    config: {
      ...{ hidden_size: 4096, intermediate_size: 14336, num_hidden_layers: 32, vocab_size: 32000 },
      ...{ num_attention_heads: 32, num_key_value_heads: 8, num_local_experts: 8, num_experts_per_tok: 2 },
    },
  },
  readConfig(raw) {
    const config = mistral.readConfig(raw);
    return withExperts(config, {
      numExperts: raw.count('num_local_experts', 8),
      numChosen: raw.count('num_experts_per_tok', 2),
      intermediateSize: config.intermediateSize,
      isNormalized: true,
      sharedIntermediateSize: 0,
      hasSharedGate: false,
    });
  },
};
