// Every switch a decoder family may set, each with its Hugging Face name. Families map their own keys to these.
import { MAX_CHOSEN_EXPERTS, MAX_EXPERTS, type QueryKeyNorm } from '@pagemind/kernels-wgsl';
import { PagemindError } from '../errors.js';
import type { ExpertsConfig } from '../layers/experts.js';
import type { RawConfig } from './raw-config.js';
import type { RopeConfig } from './rope.js';

/** What differs from layer to layer. */
export interface LayerConfig {
  /** `sliding_window`, where `layer_types` says so: keys that a token sees, its own the last of them. */
  readonly window: number | undefined;
  /** The rotary embedding: {@link DecoderConfig.rope}, {@link DecoderConfig.localRope}, or none. */
  readonly rope: 'global' | 'local' | 'none';
  /** `mlp_only_layers`, `decoder_sparse_step`, `first_k_dense_replace`: the MLP is one of {@link DecoderConfig.experts}. */
  readonly isSparse?: boolean;
}

/** Of the MLP's gate, or of the MLP without one. */
export type GateActivation = 'silu' | 'gelu' | 'gelu_tanh';

/** Products that may have an adapter: an added B A of low rank. */
export type LoraPart = 'q' | 'v' | 'up' | 'down';

/** Adapters as checkpoints hold them beside the weights (LoRA), their scale being 1. */
export interface LoraConfig {
  /** `lora_r` */
  readonly rank: number;
  /** `learn_param` */
  readonly parts: readonly LoraPart[];
}

/** A decoder: norms, attention with grouped heads, MLP. */
export interface DecoderConfig {
  /** `model_type` */
  readonly family: string;
  /** `architectures[0]` */
  readonly architecture: string;
  /** `hidden_size` */
  readonly hiddenSize: number;
  /** `intermediate_size` */
  readonly intermediateSize: number;
  /** `num_hidden_layers` */
  readonly numLayers: number;
  /** `num_attention_heads` */
  readonly numHeads: number;
  /** `num_key_value_heads` */
  readonly numKvHeads: number;
  /** `head_dim`, or hidden size over heads */
  readonly headDim: number;
  /** `vocab_size` */
  readonly vocabSize: number;
  /** `layer_types`, `sliding_window`, `no_rope_layers`: one for each layer */
  readonly layers: readonly LayerConfig[];
  /** `hidden_act` */
  readonly activation: GateActivation;
  /** What the layers have that are sparse. */
  readonly experts?: ExpertsConfig;
  /** `mlp_type`: gated is activation(gate) * up, default is activation(up). */
  readonly mlpType: 'gated' | 'default';
  /** `norm_type`, of all norms but those of q and k */
  readonly normType: 'rms_norm' | 'layer_norm';
  /** Whether they have biases; with `layer_norm` only. */
  readonly hasNormBias: boolean;
  /** `rms_norm_eps`, `layer_norm_epsilon` */
  readonly normEpsilon: number;
  /** Where attention and MLP have a norm: before them, one that they share (Falcon 7B), behind (OLMo-2), or both (Gemma 2). */
  readonly norms: 'before' | 'shared' | 'behind' | 'around';
  /** `parallel_attn`: the MLP takes what attention takes, not what attention has added to. */
  readonly hasParallelAttention: boolean;
  /** What stored norm weights lack: Gemma stores w of 1 + w. */
  readonly normOffset: number;
  /** `max_position_embeddings` */
  readonly maxPositions: number;
  /** `n_positions`: every position has an embedding of its own, so that there are no more than {@link maxPositions}. */
  readonly hasLearnedPositions: boolean;
  /** `rope_theta`, `rope_scaling`, `rope_parameters` */
  readonly rope: RopeConfig;
  /** `rope_local_base_freq`: of layers whose `rope` is `local` */
  readonly localRope: RopeConfig | undefined;
  /** Factor on ALiBi's slopes, which stand in for rotary embeddings (Baichuan 13B) */
  readonly alibi: number | undefined;
  /** `query_pre_attn_scalar` to the power of -1/2, `attention_multiplier`, or 1 / sqrt(headDim) */
  readonly attentionScale: number;
  /** `attn_logit_softcapping` */
  readonly attentionSoftcap: number | undefined;
  /** `seq_length` with `use_logn_attn`: tokens from which queries grow */
  readonly lognLength: number | undefined;
  /** `q_norm` and `k_norm`: RMSNorm over each head, or over the whole width */
  readonly queryKeyNorm: QueryKeyNorm | undefined;
  /** `clip_qkv`: q, k and v stay between its negative and itself (DBRX) */
  readonly clipQkv?: number;
  /** `attention_bias` on q, k, v */
  readonly hasQkvBias: boolean;
  /** `attention_bias` on o */
  readonly hasOutputBias: boolean;
  /** `mlp_bias` on gate, up, down */
  readonly hasMlpBias: boolean;
  /** `internlm_lora`, `lora_cfg`: products with an adapter; missing: none has one. */
  readonly lora?: LoraConfig;
  /** Factor on embeddings: `embedding_multiplier`, Gemma's sqrt(hidden size) */
  readonly embeddingScale: number;
  /** Factor on logits: 1 / `logits_scaling` */
  readonly logitScale: number;
  /** Rows of the head count with norm 1 (NormHead of Baichuan 2) */
  readonly hasNormHead: boolean;
  /** `final_logit_softcapping` */
  readonly logitSoftcap: number | undefined;
  /** `tie_word_embeddings` */
  readonly isTied: boolean;
  /** `bos_token_id` */
  readonly bosId: number | undefined;
  /** `eos_token_id`, one or several */
  readonly eosIds: readonly number[];
}

/** Checks what the kernels rely on. */
export function checkDecoderConfig(config: DecoderConfig): DecoderConfig {
  const refuse = (why: string): never => {
    throw new PagemindError('unsupported_model', `This ${config.family} model cannot run here: ${why}.`, {
      hint: 'See the table of what works in the README.',
    });
  };
  if (config.numHeads % config.numKvHeads !== 0)
    refuse(`${config.numHeads} heads do not divide into ${config.numKvHeads} groups`);
  if (config.headDim % 4 !== 0 || config.headDim > 256)
    refuse(`head_dim ${config.headDim} is no multiple of 4 up to 256`);
  if (config.rope.dims % 2 !== 0 || config.rope.dims < 2 || config.rope.dims > config.headDim)
    refuse(`${config.rope.dims} of ${config.headDim} elements of a head would turn`);
  const { numExperts = 1, numChosen = 1 } = config.experts ?? {};
  if (numExperts > MAX_EXPERTS) refuse(`${numExperts} experts are more than ${MAX_EXPERTS}`);
  if (numChosen > Math.min(numExperts, MAX_CHOSEN_EXPERTS)) refuse(`a token has ${numChosen} of ${numExperts} experts`);
  if (config.lognLength === 1) refuse('its queries would grow from the first token on');
  const { attentionScale, attentionSoftcap, logitSoftcap, embeddingScale, logitScale, normEpsilon, clipQkv } = config;
  for (const factor of [
    attentionScale,
    attentionSoftcap,
    logitSoftcap,
    embeddingScale,
    logitScale,
    normEpsilon,
    clipQkv,
  ]) {
    if (factor !== undefined && !(factor > 1e-30 && factor < 1e30)) refuse(`a factor of ${factor} is out of range`);
  }
  return config;
}

/** Most layers of a decoder. */
export const MAX_LAYERS = 1024;

/** What {@link readLayers} takes where config.json says nothing. */
export interface LayerDefaults {
  /** Default: `sliding_window`. */
  readonly window?: number | undefined;
  /** Which layers have the window, without `layer_types`. */
  readonly isSliding: (layer: number) => boolean;
  /** Default: `global` for all. */
  readonly ropeOf?: (layer: number, isSliding: boolean) => LayerConfig['rope'];
}

/**
 * Reads `layer_types` and `sliding_window`.
 * @throws PagemindError `unsupported_model` for layers of other kinds; `invalid_config`.
 */
export function readLayers(
  raw: RawConfig,
  numLayers: number,
  { window = raw.optionalCount('sliding_window', 2 ** 31), isSliding, ropeOf = () => 'global' }: LayerDefaults,
): readonly LayerConfig[] {
  const types = raw.texts('layer_types', numLayers);
  const unknown = types?.find((type) => type !== 'full_attention' && type !== 'sliding_attention');
  if (unknown !== undefined) {
    throw new PagemindError('unsupported_model', `Layers of type '${unknown.slice(0, 40)}' are not known.`, {
      hint: 'Known layer_types are full_attention and sliding_attention.',
    });
  }
  return Array.from({ length: numLayers }, (_, layer) => {
    const slides = types ? types[layer] === 'sliding_attention' : isSliding(layer);
    return { window: slides ? window : undefined, rope: ropeOf(layer, slides) };
  });
}

/**
 * A decoder whose layers have experts, except those that `isDense` names.
 * @throws PagemindError `unsupported_model` for experts with biases.
 */
export function withExperts(
  config: DecoderConfig,
  experts: ExpertsConfig,
  isDense: (layer: number) => boolean = () => false,
): DecoderConfig {
  if (config.hasMlpBias) {
    throw new PagemindError('unsupported_model', 'Experts with biases are not known.', {
      hint: 'Take a model whose mlp_bias is false.',
    });
  }
  const layers = config.layers.map((layer, index) => ({ ...layer, isSparse: !isDense(index) }));
  return { ...config, experts, layers };
}

const ACTIVATIONS: Readonly<Record<string, GateActivation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
};

/**
 * Reads `hidden_act`.
 * @throws PagemindError `unsupported_model` for one that is not known.
 */
export function readGateActivation(name: string): GateActivation {
  const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (activation) return activation;
  throw new PagemindError('unsupported_model', `The activation '${name.slice(0, 40)}' is not known.`, {
    hint: `Known are ${Object.keys(ACTIVATIONS).join(', ')}.`,
  });
}
