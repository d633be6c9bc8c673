// Qwen1.5-MoE, Qwen2-MoE and Qwen3-MoE: the graphs of Qwen2 and Qwen3, with experts in all layers but a few. The first two
// have an expert that every token goes through.
import type { ExpertsConfig } from '../../layers/experts.js';
import { type DecoderConfig, withExperts } from '../decoder-config.js';
import { type ExpertNames, type Family, stackedTensors } from '../family.js';
import type { RawConfig } from '../raw-config.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, QUERY_KEY_NORMS } from './llama.js';
import { readQwenConfig } from './qwen2.js';

const MLP = 'model.layers.{i}.mlp';

const EXPERTS: ExpertNames = {
  router: `${MLP}.gate`,
  gate: `${MLP}.experts.{e}.gate_proj`,
  up: `${MLP}.experts.{e}.up_proj`,
  down: `${MLP}.experts.{e}.down_proj`,
  stacked: stackedTensors(MLP),
};

const SHARED: NonNullable<ExpertNames['shared']> = {
  gate: `${MLP}.shared_expert.gate_proj`,
  up: `${MLP}.shared_expert.up_proj`,
  down: `${MLP}.shared_expert.down_proj`,
  router: `${MLP}.shared_expert_gate`,
};

/** `mlp_only_layers`, and those that are no multiple of `decoder_sparse_step`, counted from 1, are dense. */
function readSparse(raw: RawConfig, config: DecoderConfig, experts: ExpertsConfig): DecoderConfig {
  const dense = raw.ids('mlp_only_layers');
  const step = raw.count('decoder_sparse_step', 1);
  return withExperts(config, experts, (layer) => dense.includes(layer) || (layer + 1) % step !== 0);
}

export const qwen2Moe: Family = {
  modelType: 'qwen2_moe',
  architectures: ['Qwen2MoeForCausalLM'],
  names: { ...LLAMA_NAMES, layer: { ...LLAMA_NAMES.layer, experts: { ...EXPERTS, shared: SHARED } } },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'Qwen/Qwen1.5-MoE-A2.7B-Chat',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 24, vocab_size: 151936 },
      ...{ num_attention_heads: 16, num_key_value_heads: 16, num_experts: 60, num_experts_per_tok: 4 },
      ...{ moe_intermediate_size: 1408, shared_expert_intermediate_size: 5632 },
    },
  },
  readConfig(raw) {
    const config = { ...readQwenConfig(raw), hasQkvBias: raw.flag('qkv_bias', true), hasOutputBias: false };
    return readSparse(raw, config, {
      numExperts: raw.count('num_experts', 60),
      numChosen: raw.count('num_experts_per_tok', 4),
      intermediateSize: raw.count('moe_intermediate_size', 1408),
      isNormalized: raw.flag('norm_topk_prob', false),
      sharedIntermediateSize: raw.count('shared_expert_intermediate_size', 5632),
      hasSharedGate: true,
    });
  },
};

export const qwen3Moe: Family = {
  modelType: 'qwen3_moe',
  architectures: ['Qwen3MoeForCausalLM'],
  names: { ...LLAMA_NAMES, layer: { ...LLAMA_NAMES.layer, ...QUERY_KEY_NORMS, experts: EXPERTS } },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'Qwen/Qwen3-30B-A3B',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 6144, num_hidden_layers: 48, vocab_size: 151936, head_dim: 128 },
      ...{ num_attention_heads: 32, num_key_value_heads: 4, num_experts: 128, num_experts_per_tok: 8 },
      moe_intermediate_size: 768,
    },
  },
  readConfig(raw) {
    const config = { ...readQwenConfig(raw), queryKeyNorm: 'head' as const };
    return readSparse(raw, config, {
      numExperts: raw.count('num_experts', 128),
      numChosen: raw.count('num_experts_per_tok', 8),
      intermediateSize: raw.count('moe_intermediate_size', 768),
      isNormalized: raw.flag('norm_topk_prob', false),
      sharedIntermediateSize: 0,
      hasSharedGate: false,
    });
  },
};
