// Gemma 1 to 3 (text): norms of 1 + w, scaled embeddings, a GELU gate. Gemma 2 adds norms behind attention and MLP, soft
// caps and a window on every other layer; Gemma 3 norms of q and k, and a rotary base of its own for layers with a window.
import { type DecoderConfig, readGateActivation, readLayers } from '../decoder-config.js';
import type { DecoderNames, Family } from '../family.js';
import type { RawConfig } from '../raw-config.js';
import { readRope } from '../rope.js';
import { LLAMA_NAMES, LLAMA_PROJECTIONS, OLD_ROPE_BUFFERS, QUERY_KEY_NORMS, readLlamaConfig } from './llama.js';

const GEMMA2_NAMES: DecoderNames = {
  ...LLAMA_NAMES,
  layer: {
    ...LLAMA_PROJECTIONS,
    attentionNorm: 'model.layers.{i}.input_layernorm',
    attentionPostNorm: 'model.layers.{i}.post_attention_layernorm',
    mlpNorm: 'model.layers.{i}.pre_feedforward_layernorm',
    mlpPostNorm: 'model.layers.{i}.post_feedforward_layernorm',
  },
};

export const gemma: Family = {
  modelType: 'gemma',
  architectures: ['GemmaForCausalLM'],
  names: LLAMA_NAMES,
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'google/gemma-2b-it',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 16384, num_hidden_layers: 18, vocab_size: 256000 },
      ...{ num_attention_heads: 8, num_key_value_heads: 1, head_dim: 256 },
    },
  },
  readConfig: readGemmaConfig,
};

export const gemma2: Family = {
  modelType: 'gemma2',
  architectures: ['Gemma2ForCausalLM'],
  names: GEMMA2_NAMES,
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'google/gemma-2-2b-it',
    config: {
      ...{ hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 26, vocab_size: 256000 },
      ...{ num_attention_heads: 8, num_key_value_heads: 4, head_dim: 256 },
    },
  },
  readConfig(raw) {
    const config = readGemma2Config(raw);
    return { ...config, layers: readLayers(raw, config.numLayers, { isSliding: (layer) => layer % 2 === 0 }) };
  },
};

export const gemma3: Family = {
  modelType: 'gemma3_text',
  architectures: ['Gemma3ForCausalLM'],
  names: { ...GEMMA2_NAMES, layer: { ...GEMMA2_NAMES.layer, ...QUERY_KEY_NORMS } },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'google/gemma-3-270m-it',
    config: {
      ...{ hidden_size: 640, intermediate_size: 2048, num_hidden_layers: 18, vocab_size: 262144 },
      ...{ num_attention_heads: 4, num_key_value_heads: 1, head_dim: 256 },
    },
  },
  readConfig(raw) {
    const config = readGemma2Config(raw);
    const { headDim, maxPositions } = config;
    // transformers 5 has parameters per type of layer.
    const parameters = raw.object('rope_parameters');
    const globalRope = parameters?.object('full_attention') ?? raw.object('rope_scaling');
    const localTheta = parameters?.object('sliding_attention')?.optionalPositive('rope_theta');
    const theta = raw.optionalPositive('rope_theta') ?? globalRope?.optionalPositive('rope_theta') ?? 1e6;
    const pattern = raw.optionalCount('sliding_window_pattern') ?? raw.optionalCount('_sliding_window_pattern') ?? 6;
    return {
      ...config,
      queryKeyNorm: 'head',
      rope: { ...readRope(raw, headDim, maxPositions, globalRope), theta },
      localRope: {
        theta: localTheta ?? raw.positive('rope_local_base_freq', 10000),
        dims: headDim,
        scaling: { type: 'none' },
      },
      layers: readLayers(raw, config.numLayers, {
        isSliding: (layer) => (layer + 1) % pattern !== 0,
        ropeOf: (_layer, isSliding) => (isSliding ? 'local' : 'global'),
      }),
    };
  },
};

function readGemmaConfig(raw: RawConfig): DecoderConfig {
  const config = readLlamaConfig(raw);
  return {
    ...config,
    // `hidden_act` says gelu in old files, which never held.
    activation: readGateActivation(String(raw.get('hidden_activation') ?? 'gelu_pytorch_tanh')),
    normOffset: 1,
    embeddingScale: Math.sqrt(config.hiddenSize),
    isTied: raw.flag('tie_word_embeddings', true),
  };
}

function readGemma2Config(raw: RawConfig): DecoderConfig {
  return {
    ...readGemmaConfig(raw),
    norms: 'around',
    attentionScale: raw.positive('query_pre_attn_scalar', 256) ** -0.5,
    attentionSoftcap: raw.optionalPositive('attn_logit_softcapping'),
    logitSoftcap: raw.optionalPositive('final_logit_softcapping'),
  };
}
