// What the metadata of a GGUF file says about a model, in Hugging Face's terms: config.json, generation_config.json and names
// of tensors, so that families need not know where a model came from. The file itself is gguf.ts, its vocabulary
// gguf-tokenizer.ts.
import { PagemindError } from '../errors.js';
import type { GgufHeader, GgufValue } from './gguf.js';

/** `general.architecture` → the config that its models are described by. */
const ARCHITECTURES: Readonly<Record<string, GgufArchitecture>> = {
  llama: { modelType: 'llama', architecture: 'LlamaForCausalLM', hasPairedHeads: true },
  // Its q, k and v are separate in GGUF, and then nothing tells it from Llama.
  internlm2: { modelType: 'llama', architecture: 'LlamaForCausalLM', hasPairedHeads: true },
  qwen2: { modelType: 'qwen2', architecture: 'Qwen2ForCausalLM', hasPairedHeads: false },
};

interface GgufArchitecture {
  readonly modelType: string;
  readonly architecture: string;
  /** Rows of q and k come in the order of interleaved rotary pairs: (0, D/2), (1, D/2 + 1), ... of every head. */
  readonly hasPairedHeads: boolean;
}

/** Stems of tensors: GGUF's, with the layer as `N`, and Hugging Face's. */
const STEMS: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
  'blk.N.attn_norm': 'model.layers.N.input_layernorm',
  'blk.N.attn_q': 'model.layers.N.self_attn.q_proj',
  'blk.N.attn_k': 'model.layers.N.self_attn.k_proj',
  'blk.N.attn_v': 'model.layers.N.self_attn.v_proj',
  'blk.N.attn_output': 'model.layers.N.self_attn.o_proj',
  'blk.N.ffn_norm': 'model.layers.N.post_attention_layernorm',
  'blk.N.ffn_gate': 'model.layers.N.mlp.gate_proj',
  'blk.N.ffn_up': 'model.layers.N.mlp.up_proj',
  'blk.N.ffn_down': 'model.layers.N.mlp.down_proj',
};

/** Divisors of the rotary frequencies, one a pair: how GGUF stores Llama 3's scaling. */
export const ROPE_FACTORS = 'rope_freqs.weight';

/** Hugging Face's name of a tensor; one that no rule knows stays. */
export function tensorName(name: string): string {
  const [, stem = '', suffix = ''] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
  const [, layer = ''] = /^blk\.(\d+)\./.exec(stem) ?? [];
  const known = STEMS[layer === '' ? stem : stem.replace(layer, 'N')];
  return known === undefined ? name : `${known.replace('N', layer)}.${suffix}`;
}

/** A model's configuration. */
export interface GgufConfig {
  readonly config: Readonly<Record<string, unknown>>;
  readonly generationConfig: Readonly<Record<string, unknown>>;
  /** Rows of a head of the tensors that {@link isPaired} names. */
  readonly headDim: number;
  readonly isPaired: (tensor: string) => boolean;
}

/**
 * Reads the configuration. `ropeFactors` are the numbers of the tensor {@link ROPE_FACTORS}, where there is one.
 * @throws PagemindError `unsupported_model`, `invalid_config`.
 */
export function readGgufConfig(
  { metadata, tensors }: GgufHeader,
  ropeFactors: Float32Array | undefined,
  path: string,
): GgufConfig {
  const values = new Metadata(metadata, path);
  const name = values.text('general.architecture');
  const architecture = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (!architecture) {
    throw new PagemindError(
      'unsupported_model',
      `GGUF files of the architecture '${name.slice(0, 80)}' are not read.`,
      {
        hint: `Read are ${Object.keys(ARCHITECTURES).join(', ')}; take the safetensors version of the model.`,
      },
    );
  }
  const of = (key: string): string => `${name}.${key}`;
  const refuse = (why: string): never => {
    throw new PagemindError('unsupported_model', `${path}: ${why}.`, {
      hint: 'Take the safetensors version of the model, if its architecture is supported.',
    });
  };
  if ((values.number(of('expert_count'), 0) ?? 0) > 0) refuse('models with experts are not read from GGUF');

  const hiddenSize = values.number(of('embedding_length'));
  const numHeads = values.number(of('attention.head_count'));
  const headDim = values.number(of('attention.key_length'), hiddenSize / numHeads);
  if (values.number(of('attention.value_length'), headDim) !== headDim) refuse('keys and values differ in length');
  if (values.number(of('rope.dimension_count'), headDim) !== headDim) refuse('only a part of each head is rotated');
  const context = values.number(of('context_length'));
  const vocabSize = tensors.get('token_embd.weight')?.shape[0];
  if (vocabSize === undefined) refuse('the embedding table is missing');
  return {
    config: {
      model_type: architecture.modelType,
      architectures: [architecture.architecture],
      vocab_size: vocabSize,
      hidden_size: hiddenSize,
      intermediate_size: values.number(of('feed_forward_length')),
      num_hidden_layers: values.number(of('block_count')),
      num_attention_heads: numHeads,
      num_key_value_heads: values.number(of('attention.head_count_kv'), numHeads),
      head_dim: headDim,
      max_position_embeddings: context,
      rms_norm_eps: values.number(of('attention.layer_norm_rms_epsilon')),
      rope_theta: values.number(of('rope.freq_base'), 10000),
      ...ropeScaling(values, of, context, ropeFactors, refuse),
      attention_bias: tensors.has('blk.0.attn_q.bias'),
      mlp_bias: tensors.has('blk.0.ffn_gate.bias'),
      tie_word_embeddings: !tensors.has('output.weight'),
      ...tokenIds(values),
    },
    generationConfig: tokenIds(values),
    headDim,
    isPaired: (tensor) => architecture.hasPairedHeads && /^blk\.\d+\.attn_[qk]\.(weight|bias)$/.test(tensor),
  };
}

/** The ids that begin a text and end an answer. */
function tokenIds(values: Metadata): Readonly<Record<string, unknown>> {
  const id = (name: string): number[] => {
    const value = values.optional(`tokenizer.ggml.${name}_token_id`);
    return typeof value === 'number' ? [value] : [];
  };
  const [bos] = id('bos');
  const ends = [...new Set(['eos', 'eot', 'eom'].flatMap(id))];
  return { ...(bos !== undefined && { bos_token_id: bos }), ...(ends.length > 0 && { eos_token_id: ends }) };
}

function ropeScaling(
  values: Metadata,
  of: (key: string) => string,
  context: number,
  ropeFactors: Float32Array | undefined,
  refuse: (why: string) => never,
): Readonly<Record<string, unknown>> {
  if (ropeFactors)
    return { rope_scaling: llama3Scaling(values.number(of('rope.freq_base'), 10000), ropeFactors, refuse) };
  const linear = values.number(of('rope.scale_linear'), 1); // how old files say it
  const type = values.text(of('rope.scaling.type'), linear === 1 ? 'none' : 'linear');
  if (type === 'none') return {};
  const factor = values.number(of('rope.scaling.factor'), linear);
  const original = values.number(of('rope.scaling.original_context_length'), context);
  if (type === 'linear') return { rope_scaling: { rope_type: type, factor } };
  if (type !== 'yarn') refuse(`rope scaling '${type.slice(0, 40)}' is not read from GGUF`);
  // Its attention factor multiplies YaRN's own.
  const ownFactor = factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1;
  const attentionFactor = ownFactor * values.number(of('rope.scaling.attn_factor'), 1);
  return {
    rope_scaling: {
      rope_type: type,
      factor,
      original_max_position_embeddings: original,
      attention_factor: attentionFactor,
      beta_fast: values.number(of('rope.scaling.yarn_beta_fast'), 32),
      beta_slow: values.number(of('rope.scaling.yarn_beta_slow'), 1),
    },
  };
}

/**
 * The parameters that Llama 3's divisors follow from. All its releases have the same but for the factor; whether a file's are
 * of that kind is checked number by number.
 */
function llama3Scaling(
  theta: number,
  divisors: Float32Array,
  refuse: (why: string) => never,
): Readonly<Record<string, unknown>> {
  const [low, high, original] = [1, 4, 8192];
  const factor = divisors.reduce((most, value) => Math.max(most, value), 1);
  divisors.forEach((divisor, i) => {
    const turns = (original * theta ** (-i / divisors.length)) / (2 * Math.PI);
    const smooth = (turns - low) / (high - low);
    const wanted = turns < low ? factor : turns > high ? 1 : 1 / ((1 - smooth) / factor + smooth);
    if (!(Math.abs(divisor - wanted) <= 1e-4 * wanted)) refuse(`${ROPE_FACTORS} is not of Llama 3's kind`);
  });
  return {
    rope_type: 'llama3',
    factor,
    low_freq_factor: low,
    high_freq_factor: high,
    original_max_position_embeddings: original,
  };
}

/** Checked access to metadata. */
class Metadata {
  readonly #values: ReadonlyMap<string, GgufValue>;
  readonly #path: string;

  constructor(values: ReadonlyMap<string, GgufValue>, path: string) {
    this.#values = values;
    this.#path = path;
  }

  optional(key: string): GgufValue | undefined {
    return this.#values.get(key);
  }

  /** A number, or the one that a list has for all layers. */
  number(key: string, fallback?: number): number {
    const value = this.#values.get(key) ?? fallback;
    const [first, ...others] = Array.isArray(value) ? (value as readonly GgufValue[]) : [value];
    if (typeof first === 'number' && Number.isFinite(first) && others.every((other) => other === first)) return first;
    throw this.#wrong(key, 'a number, the same for all layers');
  }

  text(key: string, fallback?: string): string {
    const value = this.#values.get(key) ?? fallback;
    if (typeof value === 'string') return value;
    throw this.#wrong(key, 'a text');
  }

  #wrong(key: string, wanted: string): PagemindError {
    return new PagemindError('invalid_config', `${this.#path}: the key ${key} must hold ${wanted}.`, {
      hint: 'Download the file again, or take the safetensors version of the model.',
    });
  }
}
