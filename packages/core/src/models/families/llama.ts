// Llama 1 to 3.x, Code Llama, Yi, TinyLlama, SmolLM2 and whatever else says LlamaForCausalLM.
import { type DecoderConfig, MAX_LAYERS, readGateActivation } from '../decoder-config.js';
import type { DecoderNames, Family, LayerNames } from '../family.js';
import type { RawConfig } from '../raw-config.js';
import { readRope, readRotaryDims } from '../rope.js';

/** Hugging Face's names of a layer but for its norms, shared by many families. */
export const LLAMA_PROJECTIONS: LayerNames = {
  qkv: {
    q: 'model.layers.{i}.self_attn.q_proj',
    k: 'model.layers.{i}.self_attn.k_proj',
    v: 'model.layers.{i}.self_attn.v_proj',
  },
  output: 'model.layers.{i}.self_attn.o_proj',
  gate: 'model.layers.{i}.mlp.gate_proj',
  up: 'model.layers.{i}.mlp.up_proj',
  down: 'model.layers.{i}.mlp.down_proj',
};

/** Norms of q and k, where there are any. */
export const QUERY_KEY_NORMS: Pick<LayerNames, 'queryNorm' | 'keyNorm'> = {
  queryNorm: 'model.layers.{i}.self_attn.q_norm',
  keyNorm: 'model.layers.{i}.self_attn.k_norm',
};

/** Hugging Face's names, shared by many families. */
export const LLAMA_NAMES: DecoderNames = {
  embedding: 'model.embed_tokens',
  layer: {
    ...LLAMA_PROJECTIONS,
    attentionNorm: 'model.layers.{i}.input_layernorm',
    mlpNorm: 'model.layers.{i}.post_attention_layernorm',
  },
  finalNorm: 'model.norm',
  head: 'lm_head',
};

/** Buffers of old exports that hold what {@link readRope} computes. */
export const OLD_ROPE_BUFFERS: RegExp = /\.rotary_emb\.inv_freq$/;

/** The keys most families share; each overrides what differs. */
export function readLlamaConfig(raw: RawConfig): DecoderConfig {
  const hiddenSize = raw.count('hidden_size');
  const numHeads = raw.count('num_attention_heads');
  const headDim = raw.count('head_dim', Math.floor(hiddenSize / numHeads));
  const numLayers = raw.count('num_hidden_layers', undefined, MAX_LAYERS);
  const maxPositions = raw.count('max_position_embeddings', 2048, 2 ** 31);
  const hasBias = raw.flag('attention_bias', false);
  const named = raw.get('architectures');
  return {
    family: raw.text('model_type'),
    architecture: String((Array.isArray(named) && named[0]) || ''),
    hiddenSize,
    intermediateSize: raw.count('intermediate_size'),
    numLayers,
    numHeads,
    numKvHeads: raw.count('num_key_value_heads', numHeads),
    headDim,
    vocabSize: raw.count('vocab_size'),
    layers: Array.from({ length: numLayers }, () => ({ window: undefined, rope: 'global' })),
    activation: readGateActivation(raw.text('hidden_act', 'silu')),
    mlpType: 'gated',
    normType: 'rms_norm',
    hasNormBias: false,
    normEpsilon: raw.positive('rms_norm_eps', 1e-6),
    norms: 'before',
    hasParallelAttention: false,
    normOffset: 0,
    maxPositions,
    hasLearnedPositions: false,
    rope: readRope(raw, readRotaryDims(raw, headDim), maxPositions),
    localRope: undefined,
    alibi: undefined,
    attentionScale: 1 / Math.sqrt(headDim),
    attentionSoftcap: undefined,
    lognLength: undefined,
    queryKeyNorm: undefined,
    hasQkvBias: hasBias,
    hasOutputBias: hasBias,
    hasMlpBias: raw.flag('mlp_bias', false),
    embeddingScale: 1,
    logitScale: 1,
    hasNormHead: false,
    logitSoftcap: undefined,
    isTied: raw.flag('tie_word_embeddings', false),
    bosId: raw.ids('bos_token_id')[0],
    eosIds: raw.ids('eos_token_id'),
  };
}

export const llama: Family = {
  modelType: 'llama',
  architectures: ['LlamaForCausalLM'],
  names: LLAMA_NAMES,
  ignored: OLD_ROPE_BUFFERS,
  defaults: {
    vocab_size: 32000,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 2048,
  },
  example: {
    model: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    config: {
      ...{ hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30, vocab_size: 49152 },
      ...{ num_attention_heads: 9, num_key_value_heads: 3, tie_word_embeddings: true },
    },
  },
  readConfig: readLlamaConfig,
};
