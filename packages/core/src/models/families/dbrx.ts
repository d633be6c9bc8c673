// DBRX: LayerNorms without biases, queries, keys and values that are clipped, and experts in every layer, those of a layer in
// three tensors, the third the other way round.
import { PagemindError } from '../../errors.js';
import { readGateActivation, withExperts } from '../decoder-config.js';
import type { Family } from '../family.js';
import { RawConfig } from '../raw-config.js';
import { OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

const LAYER = 'transformer.blocks.{i}';

export const dbrx: Family = {
  modelType: 'dbrx',
  architectures: ['DbrxForCausalLM'],
  names: {
    embedding: 'transformer.wte',
    layer: {
      attentionNorm: `${LAYER}.norm_attn_norm.norm_1`,
      qkv: { fused: `${LAYER}.norm_attn_norm.attn.Wqkv` },
      output: `${LAYER}.norm_attn_norm.attn.out_proj`,
      mlpNorm: `${LAYER}.norm_attn_norm.norm_2`,
      experts: {
        router: `${LAYER}.ffn.router.layer`,
        gate: `${LAYER}.ffn.experts.mlp.w1`,
        up: `${LAYER}.ffn.experts.mlp.v1`,
        down: `${LAYER}.ffn.experts.mlp.w2`,
        isDownTransposed: true,
      },
    },
    finalNorm: 'transformer.norm_f',
    head: 'lm_head',
  },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'databricks/dbrx-instruct',
    config: {
      ...{ d_model: 6144, n_heads: 48, n_layers: 40, max_seq_len: 32768, vocab_size: 100352 },
      attn_config: { kv_n_heads: 8 },
      ffn_config: { ffn_hidden_size: 10752, moe_num_experts: 16, moe_top_k: 4 },
    },
  },
  readConfig(raw) {
    const attention = raw.object('attn_config') ?? new RawConfig({});
    const mlp = raw.object('ffn_config') ?? new RawConfig({});
    const intermediateSize = mlp.count('ffn_hidden_size', 3584);
    const renamed = new RawConfig({
      architectures: raw.get('architectures'),
      model_type: raw.get('model_type'),
      hidden_size: raw.get('d_model'),
      intermediate_size: intermediateSize,
      num_hidden_layers: raw.get('n_layers'),
      num_attention_heads: raw.get('n_heads'),
      num_key_value_heads: attention.get('kv_n_heads') ?? 1,
      vocab_size: raw.get('vocab_size'),
      max_position_embeddings: raw.get('max_seq_len'),
      rope_theta: attention.get('rope_theta'),
      tie_word_embeddings: raw.get('tie_word_embeddings'),
      bos_token_id: raw.get('bos_token_id'),
      eos_token_id: raw.get('eos_token_id'),
    });
    const clipQkv = attention.optionalPositive('clip_qkv');
    const config = {
      ...readLlamaConfig(renamed),
      activation: readGateActivation(mlp.object('ffn_act_fn')?.text('name') ?? 'silu'),
      normType: 'layer_norm' as const,
      normEpsilon: 1e-5,
      ...(clipQkv !== undefined && { clipQkv }),
    };
    return withExperts(config, {
      numExperts: mlp.count('moe_num_experts', 4),
      numChosen: mlp.count('moe_top_k', 1),
      intermediateSize,
      isNormalized: readIsNormalized(mlp),
      sharedIntermediateSize: 0,
      hasSharedGate: false,
    });
  },
};

/** `moe_normalize_expert_weights`: the order of the norm that an expert's share is divided by, null for none. */
function readIsNormalized(mlp: RawConfig): boolean {
  const order = mlp.get('moe_normalize_expert_weights');
  if (order === undefined || order === 1) return true;
  if (order === null) return false;
  throw new PagemindError('unsupported_model', 'Shares of experts are known to be divided by their sum only.', {
    hint: 'Known values of moe_normalize_expert_weights are 1 and null.',
  });
}
