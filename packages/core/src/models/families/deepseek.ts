// DeepSeek-MoE (the first generation): Llama's graph, with many small experts behind the first layers, and some that every
// token goes through, stored as one.
import { PagemindError } from '../../errors.js';
import { withExperts } from '../decoder-config.js';
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

const MLP = 'model.layers.{i}.mlp';

export const deepseek: Family = {
  modelType: 'deepseek',
  architectures: ['DeepseekForCausalLM'],
  names: {
    ...LLAMA_NAMES,
    layer: {
      ...LLAMA_NAMES.layer,
      experts: {
        router: `${MLP}.gate`,
        gate: `${MLP}.experts.{e}.gate_proj`,
        up: `${MLP}.experts.{e}.up_proj`,
        down: `${MLP}.experts.{e}.down_proj`,
        shared: {
          gate: `${MLP}.shared_experts.gate_proj`,
          up: `${MLP}.shared_experts.up_proj`,
          down: `${MLP}.shared_experts.down_proj`,
        },
      },
    },
  },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'deepseek-ai/deepseek-moe-16b-chat',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 10944, num_hidden_layers: 28, vocab_size: 102400 },
      ...{ num_attention_heads: 16, num_key_value_heads: 16, first_k_dense_replace: 1, moe_intermediate_size: 1408 },
      ...{ n_routed_experts: 64, n_shared_experts: 2, num_experts_per_tok: 6 },
    },
  },
  readConfig(raw) {
    const config = readLlamaConfig(raw);
    const numExperts = raw.optionalCount('n_routed_experts');
    if (numExperts === undefined) return config;
    const scoring = raw.text('scoring_func', 'softmax');
    if (scoring !== 'softmax') {
      throw new PagemindError('unsupported_model', `The scoring_func '${scoring.slice(0, 40)}' is not known.`, {
        hint: 'Known is softmax.',
      });
    }
    const intermediateSize = raw.count('moe_intermediate_size', 1407);
    const firstSparse = raw.countOrZero('first_k_dense_replace');
    const frequency = raw.count('moe_layer_freq', 1);
    const experts = {
      numExperts,
      numChosen: raw.count('num_experts_per_tok'),
      intermediateSize,
      isNormalized: raw.flag('norm_topk_prob', false),
      sharedIntermediateSize: raw.countOrZero('n_shared_experts') * intermediateSize,
      hasSharedGate: false,
    };
    return withExperts(config, experts, (layer) => layer < firstSparse || layer % frequency !== 0);
  },
};
