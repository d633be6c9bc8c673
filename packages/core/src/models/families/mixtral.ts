// Mixtral: Mistral's graph, with experts in every layer.
import { withExperts } from '../decoder-config.js';
import type { Family } from '../family.js';
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
      },
    },
  },
  ignored: OLD_ROPE_BUFFERS,
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
