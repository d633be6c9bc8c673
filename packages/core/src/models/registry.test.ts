// Families: which config.json they answer to, what they refuse, and that they use every row of every tensor.
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../load/checkpoint.js';
import type { TensorEntry } from '../load/tensor-entry.js';
import { decoderWeights } from './decoder-weights.js';
import { FAMILIES, resolveFamily } from './registry.js';

const LLAMA = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 48,
  intermediate_size: 30,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 100,
};

describe('resolveFamily', () => {
  it('finds a family by architecture and fills what config.json leaves out', () => {
    const { family, config } = resolveFamily(LLAMA);
    expect(family.modelType).toBe('llama');
    expect(config).toMatchObject({ headDim: 12, numKvHeads: 2, normEpsilon: 1e-6, hasQkvBias: false, isTied: false });
  });

  it('gives qwen2 its biases', () => {
    const { config } = resolveFamily({ ...LLAMA, architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2' });
    expect(config).toMatchObject({ hasQkvBias: true, hasOutputBias: false, hasMlpBias: false });
  });

  it.each([
    ['an unknown architecture', { architectures: ['MambaForCausalLM'] }, 'unsupported_model'],
    ['no architecture at all', { architectures: undefined, model_type: undefined }, 'unsupported_model'],
    ['a missing size', { hidden_size: undefined }, 'invalid_config'],
    ['a size that is no number', { vocab_size: '100' }, 'invalid_config'],
    ['a negative size', { num_hidden_layers: -1 }, 'invalid_config'],
    ['a flag that is no flag', { attention_bias: 'yes' }, 'invalid_config'],
    ['heads that do not divide', { num_key_value_heads: 3 }, 'unsupported_model'],
    ['a head of odd width', { head_dim: 10 }, 'unsupported_model'],
    ['sliding windows', { architectures: ['Qwen2ForCausalLM'], use_sliding_window: true }, 'unsupported_model'],
  ])('refuses %s', (_what, change, code) => {
    expect(() => resolveFamily({ ...LLAMA, ...change })).toThrowError(expect.objectContaining({ code }));
  });
});

/** A checkpoint with F16 matrices of the given names. */
function storing(...names: readonly string[]): Checkpoint {
  const tensors = new Map(names.map((name) => [name, { dtype: 'F16' } as TensorEntry]));
  const noFile = async (): Promise<undefined> => undefined;
  return { name: 'test', config: {}, generationConfig: undefined, tensors, readText: noFile, readBytes: noFile };
}

describe('decoderWeights', () => {
  it('takes every row of every tensor once and fills every row of every matrix once', () => {
    for (const family of FAMILIES) {
      const biases = { attention_bias: true, mlp_bias: true, bias: true };
      const { config } = resolveFamily({ ...LLAMA, ...biases, architectures: family.architectures });
      const taken = new Map<string, number[]>();
      for (const spec of decoderWeights(family, config, storing('model.embed_tokens.weight'))) {
        const filled = new Set<number>();
        for (const { tensor, firstRow, numRows, dst, block, stride } of spec.pieces) {
          for (let i = 0; i < numRows; i++) {
            taken.set(tensor, [...(taken.get(tensor) ?? []), firstRow + i]);
            const row = dst + Math.floor(i / block) * stride + (i % block);
            expect(filled.has(row), `${spec.name} row ${row}`).toBe(false);
            filled.add(row);
          }
        }
        const size = spec.kind === 'matrix' ? spec.numRows : spec.length;
        expect(Math.max(...filled)).toBeLessThan(size);
        expect(filled.size).toBe(spec.name.includes('gateUp') ? 60 : size);
      }
      for (const rows of taken.values()) {
        expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: rows.length }, (_, i) => i));
      }
    }
  });

  it('reads a tied table under either name', () => {
    const { family, config } = resolveFamily({ ...LLAMA, tie_word_embeddings: true });
    const tableOf = (stored: string) => decoderWeights(family, config, storing(stored))[0]?.pieces[0]?.tensor;
    expect(tableOf('model.embed_tokens.weight')).toBe('model.embed_tokens.weight');
    expect(tableOf('lm_head.weight')).toBe('lm_head.weight');
    expect(
      decoderWeights(family, config, storing('model.embed_tokens.weight')).some(({ name }) => name === 'head'),
    ).toBe(false);
  });
});
