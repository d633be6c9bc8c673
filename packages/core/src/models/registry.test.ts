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

/** The same sizes under the keys of other families. */
const OTHER_KEYS = {
  ...{ n_embd: 48, n_head: 4, n_layer: 2 },
  ...{ num_layers: 2, padded_vocab_size: 100, ffn_hidden_size: 30 },
  ...{ d_model: 48, n_heads: 4, n_layers: 2, max_seq_len: 64 },
  ...{ attn_config: { kv_n_heads: 2 }, ffn_config: { ffn_hidden_size: 30, moe_num_experts: 4, moe_top_k: 2 } },
};
const MIXTRAL = { architectures: ['MixtralForCausalLM'], num_local_experts: 4 };
const DBRX = { architectures: ['DbrxForCausalLM'], ...OTHER_KEYS };
const QWEN2_MOE = {
  architectures: ['Qwen2MoeForCausalLM'],
  ...{ num_experts: 5, moe_intermediate_size: 10, shared_expert_intermediate_size: 14 },
};
const LORA_SIZES = { learn_param: ['q', 'v', 'ffn'], lora_alpha: 8, lora_r: 8 };
const LORA = { architectures: ['InternLMForCausalLM'], internlm_lora: LORA_SIZES };
const DEEPSEEK = {
  architectures: ['DeepseekForCausalLM'],
  ...{ n_routed_experts: 5, n_shared_experts: 2, moe_intermediate_size: 10, num_experts_per_tok: 3 },
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
    ['more layers than a model has', { num_hidden_layers: 1e6 }, 'invalid_config'],
    ['an unknown activation', { hidden_act: 'relu2' }, 'unsupported_model'],
    ['an activation that every object has', { hidden_act: 'constructor' }, 'unsupported_model'],
    ['a rotary part that is odd', { partial_rotary_factor: 0.25 }, 'unsupported_model'],
    ['a rotary part that is too large', { partial_rotary_factor: 2 }, 'unsupported_model'],
    ['a rotary part that is no number', { partial_rotary_factor: 'half' }, 'unsupported_model'],
    ['a window that is no number', { architectures: ['MistralForCausalLM'], sliding_window: '7' }, 'invalid_config'],
    ['a window of nothing', { architectures: ['MistralForCausalLM'], sliding_window: 0 }, 'invalid_config'],
    ['too few layer types', { architectures: ['MistralForCausalLM'], layer_types: [] }, 'invalid_config'],
    [
      'layers of another kind',
      { architectures: ['MistralForCausalLM'], layer_types: ['full_attention', 'linear_attention'] },
      'unsupported_model',
    ],
    [
      'a cap that is no number',
      { architectures: ['Gemma2ForCausalLM'], attn_logit_softcapping: '3' },
      'invalid_config',
    ],
    ['a cap beyond f32', { architectures: ['Gemma2ForCausalLM'], final_logit_softcapping: 1e60 }, 'unsupported_model'],
    [
      'an epsilon beyond f32',
      { architectures: ['GraniteForCausalLM'], residual_multiplier: 1e-40 },
      'unsupported_model',
    ],
    ['logn from one token on', { architectures: ['QWenLMHeadModel'], seq_length: 1 }, 'unsupported_model'],
    ['more experts than are known', { ...MIXTRAL, num_local_experts: 512 }, 'unsupported_model'],
    ['more experts for a token than there are', { ...MIXTRAL, num_local_experts: 1 }, 'unsupported_model'],
    ['experts with biases', { ...MIXTRAL, mlp_bias: true }, 'unsupported_model'],
    ['shares by another norm', { ...DBRX, ffn_config: { moe_normalize_expert_weights: 2 } }, 'unsupported_model'],
    ['experts that are scored otherwise', { ...DEEPSEEK, scoring_func: 'sigmoid' }, 'unsupported_model'],
    ['a number of dense layers that is none', { ...DEEPSEEK, first_k_dense_replace: 'all' }, 'invalid_config'],
    [
      'an adapter of another product',
      { ...LORA, internlm_lora: { ...LORA_SIZES, learn_param: ['o'] } },
      'unsupported_model',
    ],
    ['adapters with a scale', { ...LORA, internlm_lora: { ...LORA_SIZES, lora_alpha: 16 } }, 'unsupported_model'],
    ['adapters of nothing', { ...LORA, internlm_lora: { ...LORA_SIZES, learn_param: [] } }, 'unsupported_model'],
    ['a factor of zero', { architectures: ['GraniteForCausalLM'], residual_multiplier: 0 }, 'invalid_config'],
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

describe('layers', () => {
  const layersOf = (config: object) => resolveFamily({ ...LLAMA, num_hidden_layers: 4, ...config }).config.layers;
  const windowsOf = (config: object) => layersOf(config).map(({ window }) => window);
  const none = undefined;

  it.each([
    ['none with null', { architectures: ['MistralForCausalLM'], sliding_window: null }, [none, none, none, none]],
    ['all of mistral', { architectures: ['MistralForCausalLM'], sliding_window: 7 }, [7, 7, 7, 7]],
    ['none of qwen2 unless it is switched on', { architectures: ['Qwen2ForCausalLM'], sliding_window: 7 }, Array(4)],
    [
      'the last ones of qwen2',
      { architectures: ['Qwen2ForCausalLM'], use_sliding_window: true, sliding_window: 7, max_window_layers: 3 },
      [none, none, none, 7],
    ],
    ['every other of gemma2', { architectures: ['Gemma2ForCausalLM'], sliding_window: 6 }, [6, none, 6, none]],
    [
      'those that layer_types names',
      {
        architectures: ['Gemma2ForCausalLM'],
        sliding_window: 6,
        layer_types: ['full_attention', 'full_attention', 'full_attention', 'sliding_attention'],
      },
      [none, none, none, 6],
    ],
  ])('have a window: %s', (_what, config, windows) => {
    expect(windowsOf(config)).toEqual([...windows]);
  });

  it('turn by a base of their own where gemma3 has windows', () => {
    const gemma = { architectures: ['Gemma3ForCausalLM'], head_dim: 12, sliding_window: 6, sliding_window_pattern: 3 };
    const old = { rope_theta: 2e6, rope_local_base_freq: 3e4, rope_scaling: { rope_type: 'linear', factor: 8 } };
    const nested = {
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 2e6 },
        sliding_attention: { rope_type: 'default', rope_theta: 3e4 },
      },
    };
    for (const keys of [old, nested]) {
      const { config } = resolveFamily({ ...LLAMA, ...gemma, ...keys, num_hidden_layers: 4 });
      expect(config.layers.map(({ rope }) => rope)).toEqual(['local', 'local', 'global', 'local']);
      expect(config.rope).toMatchObject({ theta: 2e6, scaling: { type: 'linear', factor: 8 } });
      expect(config.localRope).toEqual({ theta: 3e4, dims: 12, scaling: { type: 'none' } });
    }
  });

  it('have no rotary embedding where smollm3 says so', () => {
    const smollm3 = { architectures: ['SmolLM3ForCausalLM'] };
    expect(layersOf(smollm3).map(({ rope }) => rope)).toEqual(['global', 'global', 'global', 'none']);
    const listed = layersOf({ ...smollm3, no_rope_layers: [0, 1, 0, 1] });
    expect(listed.map(({ rope }) => rope)).toEqual(['none', 'global', 'none', 'global']);
  });

  it('have ALiBi in the Baichuan whose config knows no most position', () => {
    const { config } = resolveFamily({ ...LLAMA, architectures: ['BaichuanForCausalLM'], model_max_length: 512 });
    expect(config).toMatchObject({ alibi: 1, maxPositions: 512, layers: [{ rope: 'none' }, { rope: 'none' }] });
    const other = { architectures: ['BaichuanForCausalLM'], max_position_embeddings: 512 };
    expect(resolveFamily({ ...LLAMA, ...other }).config.alibi).toBeUndefined();
  });

  it('end in a head of normed rows in Baichuan 2', () => {
    const of = (change: object) =>
      resolveFamily({ ...LLAMA, architectures: ['BaichuanForCausalLM'], ...change }).config;
    expect([of({}), of({ vocab_size: 125696 }), of({ z_loss_weight: 0 })].map((each) => each.hasNormHead)).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe('experts', () => {
  const sparse = (config: object) =>
    resolveFamily({ ...LLAMA, num_hidden_layers: 4, ...config }).config.layers.map(({ isSparse }) => isSparse);

  it.each([
    ['every layer of mixtral', MIXTRAL, [true, true, true, true]],
    ['every other layer', { ...QWEN2_MOE, decoder_sparse_step: 2 }, [false, true, false, true]],
    ['those that mlp_only_layers leaves', { ...QWEN2_MOE, mlp_only_layers: [0, 3] }, [false, true, true, false]],
    ['those behind first_k_dense_replace', { ...DEEPSEEK, first_k_dense_replace: 3 }, [false, false, false, true]],
    ['those of moe_layer_freq', { ...DEEPSEEK, moe_layer_freq: 3 }, [true, false, false, true]],
    ['none without n_routed_experts', { ...DEEPSEEK, n_routed_experts: null }, Array(4)],
  ])('are in %s', (_what, config, wanted) => {
    expect(sparse(config)).toEqual([...wanted]);
  });

  it.each([
    ['mixtral', MIXTRAL, { numExperts: 4, numChosen: 2, intermediateSize: 30, isNormalized: true }],
    ['qwen2_moe', QWEN2_MOE, { numChosen: 4, isNormalized: false, sharedIntermediateSize: 14, hasSharedGate: true }],
    ['deepseek', DEEPSEEK, { numChosen: 3, sharedIntermediateSize: 20, hasSharedGate: false }],
    ['dbrx', DBRX, { numExperts: 4, numChosen: 2, intermediateSize: 30, isNormalized: true }],
    ['one that norm_topk_prob changes', { ...DEEPSEEK, norm_topk_prob: true }, { isNormalized: true }],
  ])('are read: %s', (_what, config, wanted) => {
    expect(resolveFamily({ ...LLAMA, ...config }).config.experts).toMatchObject(wanted);
  });
});

describe('decoderWeights', () => {
  it('has a pair of matrices for every product with an adapter', () => {
    const { family, config } = resolveFamily({ ...LLAMA, ...LORA });
    expect(config.lora).toEqual({ rank: 8, parts: ['q', 'v', 'up', 'down'] });
    const specs = new Map(decoderWeights(family, config, storing()).map((spec) => [spec.name, spec]));
    const sizes = ['q', 'v', 'up', 'down'].map((part) => {
      const [a, b] = ['a', 'b'].map((side) => specs.get(`layers.1.lora.${part}.${side}`));
      return a?.kind === 'matrix' && b?.kind === 'matrix' && [a.numRows, a.numCols, b.numRows, b.numCols];
    });
    expect(sizes).toEqual([
      [8, 48, 48, 8],
      [8, 48, 24, 8],
      [8, 48, 30, 8],
      [8, 30, 48, 8],
    ]);
    expect(specs.get('layers.1.lora.up.b')?.pieces[0]?.tensor).toBe('model.layers.1.mlp.up_proj.lora_B.weight');
    expect(resolveFamily({ ...LLAMA, architectures: ['InternLMForCausalLM'] }).config.lora).toBeUndefined();
  });

  it('scales the last norm for logits, and adds what stored norms lack', () => {
    const specsOf = (change: object) => {
      const { family, config } = resolveFamily({ ...LLAMA, ...change });
      return new Map(
        decoderWeights(family, config, storing(`${family.names.embedding}.weight`)).map((spec) => [spec.name, spec]),
      );
    };
    const granite = specsOf({ architectures: ['GraniteForCausalLM'], logits_scaling: 8 });
    expect(granite.get('norm')).toMatchObject({ scale: 1 / 8, offset: 0 });
    const gemma = specsOf({ architectures: ['Gemma3ForCausalLM'] });
    expect(gemma.get('norm')).toMatchObject({ scale: 1, offset: 1 });
    expect(gemma.get('layers.1.learned')).toMatchObject({ length: 24, offset: 1 });
    expect(specsOf({ architectures: ['Olmo2ForCausalLM'] }).get('layers.0.learned')).toMatchObject({ length: 72 });
  });

  it.each(FAMILIES.map((family) => [family.modelType, family] as const))(
    '%s: takes every row of every tensor once and fills every row of every matrix once',
    (_name, family) => {
      const biases = { attention_bias: true, mlp_bias: true, bias: true };
      const experts = { ...MIXTRAL, ...QWEN2_MOE, ...DEEPSEEK, first_k_dense_replace: 1 };
      const hasExperts = family.names.layer.experts !== undefined;
      const changes = { ...OTHER_KEYS, ...(hasExperts ? experts : biases) };
      const { config } = resolveFamily({ ...LLAMA, ...changes, architectures: family.architectures });
      const taken = new Map<string, number[]>();
      for (const spec of decoderWeights(family, config, storing(`${family.names.embedding}.weight`))) {
        const filled: number[] = [];
        for (const { tensor, firstRow, numRows, dst, block, stride, slice = 0 } of spec.pieces) {
          const rows = taken.get(tensor) ?? [];
          taken.set(tensor, rows);
          for (let i = 0; i < numRows; i++) {
            rows.push(slice * numRows + firstRow + i);
            filled.push(dst + Math.floor(i / block) * stride + (i % block));
          }
        }
        const size = spec.kind === 'matrix' ? spec.numRows : spec.length;
        expect(new Set(filled).size, spec.name).toBe(filled.length);
        expect(Math.max(...filled)).toBeLessThan(size);
        const { numExperts = 0, intermediateSize = 0, sharedIntermediateSize = 0 } = config.experts ?? {};
        const inner = [
          [/experts.gateUp/, numExperts * intermediateSize],
          [/shared.gateUp/, sharedIntermediateSize],
          [/gateUp/, config.intermediateSize],
        ] as const;
        const own = inner.find(([name]) => name.test(spec.name));
        expect(filled.length, spec.name).toBe(own && config.mlpType === 'gated' ? 2 * own[1] : size);
      }
      for (const rows of taken.values()) {
        expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: rows.length }, (_, i) => i));
      }
    },
  );

  it.each([
    ['mixtral', MIXTRAL, 'block_sparse_moe', ['w1', 'w3', 'w2']],
    ['qwen2_moe', QWEN2_MOE, 'mlp', ['gate_proj', 'up_proj', 'down_proj']],
  ] as const)('%s: finds the rows of experts in tensors of all of them', (_name, change, mlp, parts) => {
    const { family, config } = resolveFamily({ ...LLAMA, ...change });
    const { numExperts, intermediateSize } = config.experts ?? { numExperts: 0, intermediateSize: 0 };
    const prefix = `model.layers.1.${mlp}.experts`;
    /** Of every row of a stack, where it is: the tensor of its expert, and the row of that. */
    const rowsOf = (role: string, ...stored: readonly string[]): Map<number, string> => {
      const spec = decoderWeights(family, config, storing(...stored)).find(({ name }) => name === `layers.1.${role}`);
      const rows = new Map<number, string>();
      for (const { tensor, firstRow, numRows, dst, block, stride } of spec?.pieces ?? []) {
        for (let i = 0; i < numRows; i++) {
          rows.set(dst + Math.floor(i / block) * stride + (i % block), nameOf(tensor, firstRow + i));
        }
      }
      return rows;
    };
    const nameOf = (tensor: string, row: number): string => {
      const [gate, up, down] = parts;
      const height = tensor === `${prefix}.gate_up_proj` ? 2 * intermediateSize : config.hiddenSize;
      if (tensor.endsWith('.weight')) return `${tensor} ${row}`;
      const [expert, own] = [Math.floor(row / height), row % height];
      const part = tensor === `${prefix}.down_proj` ? down : own < intermediateSize ? gate : up;
      return `${prefix}.${expert}.${part}.weight ${part === down ? own : own % intermediateSize}`;
    };
    for (const [role, height] of [
      ['experts.gateUp', 2 * intermediateSize],
      ['experts.down', config.hiddenSize],
    ] as const) {
      const stacked = rowsOf(role, `${prefix}.gate_up_proj`, `${prefix}.down_proj`);
      expect(stacked.size).toBe(numExperts * height);
      expect(stacked).toEqual(rowsOf(role));
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
