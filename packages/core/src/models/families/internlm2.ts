// InternLM2: Llama's graph under other names, with q, k and v in one tensor grouped per key head.
import type { Family } from '../family.js';
import { OLD_ROPE_BUFFERS, readLlamaConfig } from './llama.js';

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
  readConfig(raw) {
    const hasBias = raw.flag('bias', false);
    return { ...readLlamaConfig(raw), hasQkvBias: hasBias, hasOutputBias: hasBias, hasMlpBias: false };
  },
};
