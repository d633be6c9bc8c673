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
  /** Missing: the MLP has none. */
  readonly gate?: string;
  /** Named as `gate`: the second half of that tensor. Missing, as `down`: all layers have experts. */
  readonly up?: string;
  readonly down?: string;
  /** The tensors above, but for norms, are `[inputs, outputs]`. */
  readonly isTransposed?: boolean;
  /** Of the layers that have experts. */
  readonly experts?: ExpertNames;
}

/** Names of a layer of experts, `{e}` standing for the expert. */
export interface ExpertNames extends ExpertTensors {
  readonly router: string;
  /** Whole names of what newer files may have in place of `gate`, `up` and `down`. */
  readonly stacked?: ExpertTensors;
  /** The expert that every row goes through, and the router of its share. */
  readonly shared?: { readonly gate: string; readonly up: string; readonly down: string; readonly router?: string };
}

/** Where experts' matrices are. Without `{e}`, the whole name of a tensor that holds those of all, one behind the other. */
export interface ExpertTensors {
  readonly gate: string;
  /** Named as `gate`: the second half of an expert's part of that tensor. */
  readonly up: string;
  readonly down: string;
  /** An expert's part of `down`, a tensor of all of them, is `[inputs, outputs]`. */
  readonly isDownTransposed?: boolean;
}

/** Hugging Face's names of tensors of all experts: gates and ups are halves of one. */
export function stackedTensors(mlp: string): ExpertTensors {
  const gateUp = `${mlp}.experts.gate_up_proj`;
  return { gate: gateUp, up: gateUp, down: `${mlp}.experts.down_proj` };
}

/** Tensor stems (without `.weight`) of a decoder. */
export interface DecoderNames {
  readonly embedding: string;
  /** Of positions, where they are learned. */
  readonly positions?: string;
  readonly layer: LayerNames;
  readonly finalNorm: string;
  readonly head: string;
}

/** Patterns of tensor names, and what they become. */
export type TensorRenames = readonly (readonly [RegExp, string])[];

/** A checkpoint of a family, for documents and command line. */
export interface FamilyExample {
  /** The smallest on the hub that answers, or goes on with a text, well. */
  readonly model: string;
  /** What its config.json says, as far as sizes follow from it. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface Family {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** `architectures` it answers to. */
  readonly architectures: readonly string[];
  readonly names: DecoderNames;
  /** How other names that tensors may have become those of `names`: the first pattern that matches is replaced. */
  readonly renames?: TensorRenames;
  /** Tensors that may be present and are not used. */
  readonly ignored: RegExp;
  /** Values of Hugging Face's config class, for decoders inside a vision-language model: those configs leave them out. */
  readonly defaults?: Readonly<Record<string, number>>;
  readonly example?: FamilyExample;
  readConfig(raw: RawConfig): DecoderConfig;
}
