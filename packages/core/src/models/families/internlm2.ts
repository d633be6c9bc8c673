// InternLM: Llama's graph with biases, and in XComposer with adapters. InternLM2: the same under other names, with q, k and
// v in one tensor grouped per key head.
import { PagemindError } from '../../errors.js';
import type { DecoderConfig, LoraConfig, LoraPart } from '../decoder-config.js';
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
  readConfig(raw) {
    const lora = raw.object('internlm_lora') ?? raw.object('lora_cfg');
    return { ...readInternlmConfig(raw), ...(lora && { lora: readLora(lora) }) };
  },
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

/** What the names in `learn_param` stand for: the gate of the MLP has no adapter. */
const LORA_PARTS: Readonly<Record<string, readonly LoraPart[]>> = { q: ['q'], v: ['v'], ffn: ['up', 'down'] };

function readLora(raw: RawConfig): LoraConfig {
  const names: unknown = raw.get('learn_param');
  const rank = raw.count('lora_r');
  const parts = (Array.isArray(names) ? names : []).map((name) =>
    typeof name === 'string' && Object.hasOwn(LORA_PARTS, name) ? LORA_PARTS[name] : undefined,
  );
  const known = parts.flatMap((part) => part ?? []);
  if (parts.length > 0 && !parts.includes(undefined) && raw.positive('lora_alpha') === rank)
    return { rank, parts: known };
  throw new PagemindError('unsupported_model', 'The adapters of this InternLM cannot run here.', {
    hint: 'Supported are those of q, v and ffn, with lora_alpha as large as lora_r.',
  });
}
