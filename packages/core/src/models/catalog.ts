// What the registries say of every family, for documents and the command line: architectures, an example on the hub, and
// what that takes on the device. Nothing is measured here; sizes follow from the example's config.
import { kvPageBytes } from '@pagemind/kernels-wgsl';
import type { WeightFormatOptions } from '@pagemind/quant';
import { planeBytesOf } from '../load/packed-format.js';
import type { WeightSpec } from '../load/weights.js';
import type { DecoderConfig } from './decoder-config.js';
import { decoderWeights } from './decoder-weights.js';
import type { FamilyExample } from './family.js';
import { textConfigOf } from './model.js';
import { RawConfig } from './raw-config.js';
import { FAMILIES, resolveFamily } from './registry.js';
import { vlmWeights } from './vlm/projector.js';
import { VLM_FAMILIES } from './vlm/registry.js';
import type { VlmFamily } from './vlm/vlm-config.js';

/** A family of models. */
export interface FamilyEntry {
  /** `model_type` of config.json. */
  readonly family: string;
  /** Names that config.json may give as its architecture. */
  readonly architectures: readonly string[];
  readonly takesImages: boolean;
  /** Its smallest good checkpoint, as far as one is known. */
  readonly example?: {
    /** Its name on the hub. */
    readonly model: string;
    /** Bytes of its weights on the device with `quantize: 'int4-g64'`: the decoder's linears in INT4, the rest in f16. */
    readonly weightBytes: number;
    /** Bytes of keys and values of a token, in f16. */
    readonly kvBytesPerToken: number;
  };
}

/** Every family, those that take text alone first. */
export function listFamilies(): readonly FamilyEntry[] {
  return [
    ...FAMILIES.map(({ modelType, architectures, example }) => ({
      ...{ family: modelType, architectures, takesImages: false },
      ...(example && { example: exampleOf(example, { ...example.config, model_type: modelType, architectures }) }),
    })),
    ...VLM_FAMILIES.map((vlm) => ({
      ...{ family: vlm.modelType, architectures: vlm.architectures, takesImages: true },
      ...(vlm.example && {
        example: exampleOf(vlm.example, textConfigOf(vlm.example.config, vlm, isUntied(vlm.example, vlm)), vlm),
      }),
    })),
  ];
}

const INT4: WeightFormatOptions = { format: 'int4', groupSize: 64, hasZeros: true };
const F16: WeightFormatOptions = { format: 'f16', groupSize: 0, hasZeros: false };

/** @param textConfig of the decoder */
function exampleOf(
  { model, config }: FamilyExample,
  textConfig: Readonly<Record<string, unknown>>,
  vlm?: VlmFamily,
): NonNullable<FamilyEntry['example']> {
  const { family, config: decoder } = resolveFamily(textConfig);
  const specs = decoderWeights(family, decoder, { tensors: new Map() });
  const visionSpecs = vlm ? vlmWeights(vlm.readConfig(new RawConfig(config), decoder.hiddenSize)) : [];
  const weightBytes = [...specs, ...visionSpecs].reduce((sum, spec) => sum + bytesOf(spec), 0);
  return { model, weightBytes, kvBytesPerToken: kvBytesPerToken(decoder) };
}

function bytesOf(spec: WeightSpec): number {
  const options = spec.kind === 'matrix' && spec.group === 'decoder' ? INT4 : F16;
  const planes = planeBytesOf(spec.kind === 'matrix' ? { ...spec, options } : spec);
  return Object.values(planes).reduce((sum, bytes) => sum + bytes, 0);
}

function kvBytesPerToken({ numLayers, numKvHeads, headDim }: DecoderConfig): number {
  return numLayers * kvPageBytes({ kvType: 'f16', numKvHeads, headDim, pageSize: 1 });
}

/** Whether the decoder of a vision-language model has a head of its own, which in a checkpoint shows in the tensors. */
function isUntied({ config }: FamilyExample, { textKey = 'text_config' }: VlmFamily): () => boolean {
  const raw = new RawConfig(config);
  const isTied = (raw.object(textKey) ?? raw).flag('tie_word_embeddings', false);
  return () => !isTied;
}
