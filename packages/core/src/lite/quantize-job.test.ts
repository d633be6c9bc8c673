// Models that calibration refuses before it reads a weight.
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../load/checkpoint.js';
import { resolveModel } from '../models/model.js';
import { checkQuantizable } from './quantize-job.js';

const SIZES = {
  ...{ model_type: 'test', n_positions: 8, n_inner: 32 },
  ...{ hidden_size: 32, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2, vocab_size: 8 },
};
const LORA = { learn_param: ['q'], lora_r: 4, lora_alpha: 4 };

function planOf(config: object) {
  const none = async (): Promise<undefined> => undefined;
  const files = { generationConfig: undefined, tensors: new Map(), readText: none, readBytes: none };
  const checkpoint: Checkpoint = { name: 'test', config: { ...SIZES, ...config }, ...files };
  return resolveModel(checkpoint);
}

describe('calibration', () => {
  it.each([
    ['linears stored the other way round', { architectures: ['GPT2LMHeadModel'], n_embd: 32, n_head: 2, n_layer: 1 }],
    ['attention and MLP in parallel', { architectures: ['FalconForCausalLM'] }],
    ['adapters', { architectures: ['InternLMForCausalLM'], internlm_lora: LORA }],
  ])('refuses %s', (_what, config) => {
    const plan = planOf(config);
    const refused = expect.objectContaining({ code: 'unsupported_model' });
    expect(() => checkQuantizable(plan, { grid: { bits: 4, groupSize: 32, isSymmetric: false } })).toThrowError(
      refused,
    );
  });
});
