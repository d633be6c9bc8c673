// InternLM: Llama's graph with biases. InternLM2: the same under other names, with q, k and v in one tensor grouped per
// key head.
import type { DecoderConfig } from '../decoder-config.js';
import type { Family } from '../family.js';
import type { RawConfig } from '../raw-config.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

/** InternLM 1: Llama's names, with `bias` on q, k, v and o. */
export const internlm: Family = {
  modelType: 'internlm',
  architectures: ['InternLMForCausalLM'],
  names: LLAMA_NAMES,
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'internlm/internlm-chat-7b',
    config: {
      ...{ hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, vocab_size: 103168 },
      ...{ num_attention_heads: 32, bias: true },
    },
  },
  readConfig: readInternlmConfig,
};

export const internlm2: Family = {
  modelType: 'internlm2',
  architectures: ['InternLM2ForCausalLM'],
  names: {
    embedding: 'model.tok_embeddings',
    layer: {
      attentionNorm: 'model.layers.{i}.attention_norm',
      qkv: { grouped: 'model.layers.{i}.attention.wqkv' },
      output: 'model.layers.{i}.attention.wo',
      mlpNorm: 'model.layers.{i}.ffn_norm',
      gate: 'model.layers.{i}.feed_forward.w1',
      up: 'model.layers.{i}.feed_forward.w3',
      down: 'model.layers.{i}.feed_forward.w2',
    },
    finalNorm: 'model.norm',
    head: 'output',
  },
  ignored: OLD_ROPE_BUFFERS,
  example: {
    model: 'internlm/internlm2-chat-1_8b',
    config: {
      ...{ hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 24, vocab_size: 92544 },
      ...{ num_attention_heads: 16, num_key_value_heads: 8 },
    },
  },
  readConfig: readInternlmConfig,
};

function readInternlmConfig(raw: RawConfig): DecoderConfig {
  const hasBias = raw.flag('bias', false);
  return { ...readLlamaConfig(raw), hasQkvBias: hasBias, hasOutputBias: hasBias, hasMlpBias: false };
}
