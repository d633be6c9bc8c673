// Every switch a decoder family may set, each with its Hugging Face name. Families map their own keys to these.
import { PagemindError } from '../errors.js';
import type { RopeConfig } from './rope.js';

/** A pre-norm decoder: RMSNorm, rotary attention with grouped heads, gated MLP. */
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
  /** `rms_norm_eps` */
  readonly normEpsilon: number;
  /** `max_position_embeddings` */
  readonly maxPositions: number;
  /** `rope_theta`, `rope_scaling`, `rope_parameters` */
  readonly rope: RopeConfig;
  /** `attention_bias` on q, k, v */
  readonly hasQkvBias: boolean;
  /** `attention_bias` on o */
  readonly hasOutputBias: boolean;
  /** `mlp_bias` on gate, up, down */
  readonly hasMlpBias: boolean;
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
  if (config.numHeads / config.numKvHeads > 16) refuse('more than 16 query heads share a key head');
  if (config.headDim % 4 !== 0 || config.headDim > 256)
    refuse(`head_dim ${config.headDim} is no multiple of 4 up to 256`);
  if (config.numLayers > 1024) refuse(`${config.numLayers} layers`);
  return config;
}
