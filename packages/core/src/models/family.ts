// What a family file declares: how config.json maps to DecoderConfig and what the weights are called. No code of a
// forward pass belongs in a family.
import type { DecoderConfig } from './decoder-config.js';
import type { RawConfig } from './raw-config.js';

/** Names of one layer's weights, `{i}` standing for the layer. Biases carry the same stem. */
export interface LayerNames {
  /** Norms before attention and MLP. */
  readonly attentionNorm?: string;
  readonly mlpNorm?: string;
  /** Norms behind them. */
  readonly attentionPostNorm?: string;
  readonly mlpPostNorm?: string;
  /**
   * Three tensors; one that is all of q, then k, then v; or one whose rows are grouped per key head: its query heads, then
   * k, then v.
   */
  readonly qkv:
    | { readonly q: string; readonly k: string; readonly v: string }
    | { readonly fused: string }
    | { readonly grouped: string };
  readonly queryNorm?: string;
  readonly keyNorm?: string;
  readonly output: string;
  readonly gate: string;
  /** Named as `gate`: the second half of that tensor. */
  readonly up: string;
  readonly down: string;
  /** Of the layers that have experts. */
  readonly experts?: ExpertNames;
}

/** Names of a layer of experts, `{e}` standing for the expert. */
export interface ExpertNames {
  readonly router: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
  /** The expert that every row goes through, and the router of its share. */
  readonly shared?: { readonly gate: string; readonly up: string; readonly down: string; readonly router?: string };
}

/** Tensor stems (without `.weight`) of a decoder. */
export interface DecoderNames {
  readonly embedding: string;
  readonly layer: LayerNames;
  readonly finalNorm: string;
  readonly head: string;
}

export interface Family {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** `architectures` it answers to. */
  readonly architectures: readonly string[];
  readonly names: DecoderNames;
  /** Tensors that may be present and are not used. */
  readonly ignored: RegExp;
  /** Values of Hugging Face's config class, for decoders inside a vision-language model: those configs leave them out. */
  readonly defaults?: Readonly<Record<string, number>>;
  readConfig(raw: RawConfig): DecoderConfig;
}
